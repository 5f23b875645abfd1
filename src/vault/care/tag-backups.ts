import { CairnArgumentError } from '../../base/errors.ts';
import type { SnapshotId } from '../../base/ids.ts';
import { resaveSnapshot } from '../../repository/resave-snapshot.ts';
import type { SnapshotRecord } from '../../repository/snapshots.ts';
import { isNameTag } from '../actions/backup-name.ts';
import type { ActionContext } from '../actions/backup-action.ts';
import { type SnapshotBackup, backupRecord } from '../reference/backup-record.ts';
import { type BackupSelection, selectSnapshots } from '../reference/select-snapshots.ts';
import { loadSnapshots, openSession } from '../vault-session.ts';
import { openRemovingSession } from './exclusive-session.ts';

/** How tags change. `set` stands alone; `add` and `remove` may come together. The name of a backup is no tag here. */
export interface TagChange {
  readonly set?: readonly string[] | undefined;
  readonly add?: readonly string[] | undefined;
  readonly remove?: readonly string[] | undefined;
}

export interface TagOptions extends BackupSelection {
  /** Say what would change, and change nothing. */
  readonly dryRun?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface TagResult {
  /** With the old tags and the id from before. */
  readonly changed: readonly {
    readonly before: SnapshotBackup;
    readonly tags: readonly string[];
    /** The id it has now; `null` in a dry run. */
    readonly id: SnapshotId | null;
  }[];
  readonly unchanged: number;
}

/** Changes the tags of the chosen backups. One after the other; each is whole at every instant. */
export async function tagBackups(context: ActionContext, change: TagChange, options: TagOptions): Promise<TagResult> {
  checkChange(change);
  const { repository, settings, report, signal } = context;
  await using session =
    options.dryRun === true
      ? await openSession(repository, settings, { mode: 'shared', purpose: 'read', signal })
      : await openRemovingSession(context);
  const known = await loadSnapshots(repository, settings, session.signal);
  const chosen = selectSnapshots(known, options);
  const planned = chosen.flatMap((record) => {
    const tags = changedTags(record.snapshot.tags, change);
    return tags === undefined ? [] : [{ record, tags }];
  });
  const changed: TagResult['changed'][number][] = [];
  for (const { record, tags } of planned) {
    report({
      phase: 'tag',
      completed: changed.length,
      total: planned.length,
      unit: 'steps',
      description: '',
      errors: 0,
    });
    session.signal.throwIfAborted();
    const id = options.dryRun === true ? null : await saveTags(context, record, tags, known, session.signal);
    changed.push({ before: backupRecord(record), tags: tags.filter((tag) => !isNameTag(tag)), id });
  }
  return { changed, unchanged: chosen.length - planned.length };
}

function saveTags(
  { repository }: ActionContext,
  record: SnapshotRecord,
  tags: readonly string[],
  known: readonly SnapshotRecord[],
  signal: AbortSignal,
): Promise<SnapshotId> {
  return resaveSnapshot(repository, record, { tags: tags.length === 0 ? undefined : [...tags] }, { known, signal });
}

/** The new tags; `undefined` where nothing changes. */
function changedTags(old: readonly string[], { set, add = [], remove = [] }: TagChange): readonly string[] | undefined {
  const name = old.filter(isNameTag);
  const base = set === undefined ? old : [...name, ...set];
  const tags = [...base.filter((tag) => !remove.includes(tag)), ...add.filter((tag) => !base.includes(tag))];
  const unique = [...new Set(tags)];
  return unique.length === old.length && unique.every((tag, at) => tag === old[at]) ? undefined : unique;
}

function checkChange({ set, add, remove }: TagChange): void {
  if (set === undefined && add === undefined && remove === undefined) {
    throw new CairnArgumentError('nothing says how the tags should change', { hint: 'Give set, add or remove.' });
  }
  if (set !== undefined && (add !== undefined || remove !== undefined)) {
    throw new CairnArgumentError('setting tags and adding or removing them exclude each other');
  }
  for (const tag of [...(set ?? []), ...(add ?? []), ...(remove ?? [])]) {
    if (isNameTag(tag))
      throw new CairnArgumentError(`${JSON.stringify(tag)} stores the name of a backup and is no tag`);
    if (tag === '' || tag.includes(',')) throw new CairnArgumentError('a tag is not empty and has no comma');
  }
}
