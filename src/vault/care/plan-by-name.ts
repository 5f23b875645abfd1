// What `rotate` and `deleteOlderThan` share: the backups of one name belong together, those that are held stay and do
// not count, and nothing ends a history.
import { CairnError } from '../../base/errors.ts';
import { assertClock } from '../../retention/clock-doubt.ts';
import { groupByName, type NameGroupField, nameGroupFields } from '../../retention/group-by-name.ts';
import { heldReasons } from '../../retention/hold.ts';
import { losesAll } from '../../retention/plan-forget.ts';
import type { RotationItem, Selected } from '../../retention/select-rotation.ts';
import { isPartial } from '../../formats/snapshot/partial-tag.ts';
import type { LookContext } from '../look/look-inside.ts';
import { type BackupFilter, matcherOfAny } from '../reference/backup-filter.ts';
import { archiveRecord, type BackupRecord, backupRecord } from '../reference/backup-record.ts';
import { archiveMatcher, readArchives } from '../reference/choose-backup.ts';
import { momentStart } from '../reference/moment.ts';
import { loadSnapshots, openSession } from '../vault-session.ts';
import type { ForgetGroup } from './plan-forget.ts';

export type NamedFilter = BackupFilter | readonly BackupFilter[];

export interface ByNameOptions {
  /**
   * What tells backups of one name apart, beside their form; host and paths by default. Paths count only where the name
   * was taken from them. `[]`: all backups of one name, of all hosts, are one history.
   */
  readonly groupBy?: readonly NameGroupField[] | undefined;
  /** The time to count from, which is then taken for right; that of the call by default. */
  readonly now?: Date | string | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface NamedBackups {
  /** Oldest first. */
  readonly chosen: readonly BackupRecord[];
  /** When each backup of the vault was made. */
  readonly times: readonly Date[];
}

/** The backups that a filter means. Throws `REF_UNKNOWN` where it names a name that no backup has. */
export async function readNamed(
  { repository, settings, signal }: LookContext,
  filter: NamedFilter,
): Promise<NamedBackups> {
  const matches = matcherOfAny(filter);
  const isMatch = [filter].flat().map(archiveMatcher);
  await using session = await openSession(repository, settings, { mode: 'shared', purpose: 'read', signal });
  const snapshots = await loadSnapshots(repository, settings, session.signal);
  const archives = await readArchives({ repository, settings, signal: session.signal });
  const all = [...snapshots.map(backupRecord), ...archives.map(archiveRecord)];
  refuseUnknownNames(filter, all);
  const found = archives.filter((archive) => isMatch.some((matchesFilter) => matchesFilter(archive)));
  const chosen: BackupRecord[] = [...snapshots.filter(matches).map(backupRecord), ...found.map(archiveRecord)];
  return {
    chosen: chosen.sort((a, b) => a.time.getTime() - b.time.getTime()),
    times: all.map(({ time }) => time),
  };
}

/** A name is exact: a wrong one must not end as a run that had nothing to do. */
function refuseUnknownNames(filter: NamedFilter, backups: readonly BackupRecord[]): void {
  for (const { name } of [filter].flat()) {
    if (name === undefined || backups.some((backup) => backup.name === name)) continue;
    throw new CairnError('REF_UNKNOWN', `there is no backup of the name ${JSON.stringify(name)}`, {
      hint: '`cairn list` shows the names there are; they are compared as a whole.',
      facts: { name },
    });
  }
}

interface Candidate extends RotationItem {
  readonly backup: BackupRecord;
}

/** Divides the backups of each name with `select`, which gets those that are not held. */
export function planByName(
  backups: readonly BackupRecord[],
  { groupBy = nameGroupFields }: ByNameOptions,
  select: (candidates: readonly Candidate[]) => Selected<Candidate>,
): ForgetGroup[] {
  return groupByName(backups, groupBy).map(({ key, backups: group }) => {
    const held = group.flatMap((backup) => {
      const reasons = heldReasons(backup.tags);
      return reasons.length === 0 ? [] : [{ backup, reasons }];
    });
    const free = group.filter(({ tags }) => heldReasons(tags).length === 0);
    const { kept, removed } = select(free.map(candidate));
    if (kept.length === 0 && free.length > 0) throw losesAll(key, free.length);
    const keep = [...kept.map(({ item: { backup }, reasons }) => ({ backup, reasons })), ...held];
    return { key, keep: keep.sort(newestFirst), forget: removed.map(({ backup }) => backup) };
  });
}

function candidate(backup: BackupRecord): Candidate {
  return { id: backup.id, time: backup.time, isPartial: isPartial(backup.tags), backup };
}

function newestFirst(a: { readonly backup: BackupRecord }, b: { readonly backup: BackupRecord }): number {
  return b.backup.time.getTime() - a.backup.time.getTime();
}

/** Throws `CLOCK_DOUBTFUL`, unless the caller says what time it is. */
export function assertClockOf(
  groups: readonly ForgetGroup[],
  times: readonly Date[],
  { now, reachMs }: { readonly now: Date; readonly reachMs: number | undefined },
  said: ByNameOptions,
): void {
  if (said.now !== undefined || reachMs === undefined) return;
  const kept = groups.flatMap(({ keep }) => keep.map(({ backup }) => backup.time));
  const removed = groups.flatMap(({ forget }) => forget.map(({ time }) => time));
  assertClock({ now, reachMs, known: times, kept, removed });
}

export function nowOf({ now }: ByNameOptions): Date {
  return now === undefined ? new Date() : new Date(Number(momentStart(now) / 1_000_000n));
}
