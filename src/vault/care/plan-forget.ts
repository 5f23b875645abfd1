import type { StoredArchive } from '../../archives/shelf/read-shelf.ts';
import { systemClock } from '../../base/clock.ts';
import { CairnArgumentError, CairnError } from '../../base/errors.ts';
import { shortId } from '../../base/ids.ts';
import { type GroupField, type GroupKey, groupFields } from '../../retention/group-snapshots.ts';
import { holdsOf } from '../../retention/hold.ts';
import { type KeepRules, parseKeepRules } from '../../retention/keep-policy.ts';
import { planByPolicy } from '../../retention/plan-forget.ts';
import type { SnapshotRecord } from '../../repository/snapshots.ts';
import type { LookContext } from '../look/look-inside.ts';
import { type BackupFilter, matcherOfAny } from '../reference/backup-filter.ts';
import { archiveRecord, type BackupRecord, backupRecord } from '../reference/backup-record.ts';
import { archiveMatcher, chooseArchive } from '../reference/choose-backup.ts';
import { chooseValue } from '../reference/choose-value.ts';
import { momentStart } from '../reference/moment.ts';
import { selectSnapshots } from '../reference/select-snapshots.ts';
import { type FoundValue, type ValueBackup, valueBackup } from '../values/value-backup.ts';
import { loadSnapshots, openSession } from '../vault-session.ts';

export interface ForgetOptions {
  /** Only these are looked at; a backup that matches one of several filters is in. */
  readonly filter?: BackupFilter | readonly BackupFilter[] | undefined;
  /** What the backups of one group have in common; host and paths by default. */
  readonly groupBy?: readonly GroupField[] | undefined;
  /** Backups dated later do not count as the newest; the time of the call by default. */
  readonly now?: Date | string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What would be forgotten, and why the others stay. Newest first in each list. */
export interface ForgetPlan {
  readonly groups: readonly ForgetGroup[];
}

export interface ForgetGroup {
  readonly key: GroupKey;
  readonly keep: readonly { readonly backup: BackupRecord; readonly reasons: readonly string[] }[];
  readonly forget: readonly BackupRecord[];
}

const DEFAULT_GROUPS: readonly GroupField[] = groupFields.filter((field) => field !== 'tags');

/** By rules. Throws `ARGUMENT_INVALID`, and `FORGET_REFUSED` where a group would lose all. */
export async function planForget(context: LookContext, rules: KeepRules, options: ForgetOptions): Promise<ForgetPlan> {
  const policy = parseKeepRules(rules);
  const matches = matcherOfAny(options.filter ?? {});
  const snapshots = await readSnapshots(context);
  const groups = planByPolicy(snapshots.filter(matches), policy, {
    groupBy: options.groupBy ?? DEFAULT_GROUPS,
    nowNs: options.now === undefined ? systemClock.nowNs() : momentStart(options.now),
  });
  return {
    groups: groups.map(({ key, keep, forget }) => ({
      key,
      keep: keep.map(({ record, reasons }) => ({ backup: backupRecord(record), reasons })),
      forget: forget.map(backupRecord),
    })),
  };
}

export interface DeleteOptions extends Pick<ForgetOptions, 'filter' | 'signal'> {
  /** Remove also what is held. */
  readonly includeHeld?: boolean | undefined;
}

/** By name. Throws `REF_UNKNOWN`, `REF_AMBIGUOUS` or `BACKUP_HELD`; nothing is planned then. */
export async function planDelete(
  context: LookContext,
  references: readonly string[],
  { filter, includeHeld = false }: DeleteOptions,
): Promise<ForgetPlan> {
  if (references.length === 0) throw new CairnArgumentError('no backup is named');
  const archives: StoredArchive[] = [];
  const values: ValueBackup[] = [];
  const others: string[] = [];
  const matches = [filter ?? {}].flat().map(archiveMatcher);
  for (const reference of references) {
    const found = await chooseValueOfAny(context, reference, [filter ?? {}].flat());
    if (found !== undefined) {
      values.push(...found.versions.map(valueBackup));
      continue;
    }
    const archive = await chooseArchive(context, reference, {});
    if (archive !== undefined && matches.some((isMatch) => isMatch(archive))) archives.push(archive);
    else others.push(reference);
  }
  const chosen =
    others.length === 0 ? [] : selectSnapshots(await readSnapshots(context), { references: others, filter });
  const unique = new Map<string, BackupRecord>([
    ...archives.map((archive) => [archive.stored, archiveRecord(archive)] as const),
    ...values.map((value) => [value.id, value] as const),
  ]);
  const forget = [...chosen.map(backupRecord), ...unique.values()].sort((a, b) => b.time.getTime() - a.time.getTime());
  if (!includeHeld) refuseHeld(forget);
  return { groups: [{ key: {}, keep: [], forget }] };
}

function refuseHeld(backups: readonly BackupRecord[]): void {
  const held = backups.filter(({ tags }) => holdsOf(tags).length > 0);
  const [first] = held;
  if (first === undefined) return;
  const others = held.length === 1 ? '' : `, and ${held.length - 1} more`;
  const labels = holdsOf(first.tags).join(', ');
  const name = first.form === 'snapshot' ? shortId(first.id) : first.id;
  throw new CairnError('BACKUP_HELD', `backup ${name} is held (${labels})${others}`, {
    hint: 'Nothing was removed. Release it with `cairn tag REF --release-hold LABEL`, or give --include-held (`includeHeld`).',
    facts: { backups: held.map(({ id }) => id), labels: [...new Set(held.flatMap(({ tags }) => holdsOf(tags)))] },
  });
}

async function chooseValueOfAny(
  context: LookContext,
  reference: string,
  filters: readonly BackupFilter[],
): Promise<FoundValue | undefined> {
  for (const filter of filters) {
    const found = await chooseValue(context, reference, { filter });
    if (found !== undefined) return found;
  }
  return undefined;
}

async function readSnapshots({ repository, settings, signal }: LookContext): Promise<SnapshotRecord[]> {
  await using session = await openSession(repository, settings, { mode: 'shared', purpose: 'read', signal });
  return await loadSnapshots(repository, settings, session.signal);
}
