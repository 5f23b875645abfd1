import { replaceSidecar } from '../../archives/shelf/replace-sidecar.ts';
import type { StoredArchive } from '../../archives/shelf/read-shelf.ts';
import type { SnapshotId } from '../../base/ids.ts';
import { resaveSnapshot } from '../../repository/resave-snapshot.ts';
import type { SnapshotRecord } from '../../repository/snapshots.ts';
import { isNameTag } from '../actions/backup-name.ts';
import type { ActionContext } from '../actions/backup-action.ts';
import { archiveEntry, snapshotEntry } from '../catalog/catalog-entry.ts';
import { archiveDetails } from '../reference/backup-details.ts';
import { type ArchiveBackup, archiveRecord, type SnapshotBackup, backupRecord } from '../reference/backup-record.ts';
import { selectBackups } from '../reference/select-backups.ts';
import { type BackupSelection, selectSnapshots } from '../reference/select-snapshots.ts';
import { loadSnapshots, openSession, type VaultSession } from '../vault-session.ts';
import { openExclusiveSession, openRemovingSession } from './exclusive-session.ts';
import { changedTags, checkTagChange, type TagChange } from './tag-change.ts';

export interface TagOptions extends BackupSelection {
  /** Say what would change, and change nothing. */
  readonly dryRun?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface TagResult {
  /** With the old tags and the id from before. */
  readonly changed: readonly {
    readonly before: SnapshotBackup | ArchiveBackup;
    readonly tags: readonly string[];
    /** The id it has now: a new one for a snapshot, the same for an archive; `null` in a dry run. */
    readonly id: string | null;
  }[];
  readonly unchanged: number;
}

const forms: ReadonlySet<'snapshot' | 'archive'> = new Set(['snapshot', 'archive']);

/** Changes the tags of the chosen backups; values have none. One after the other; each is whole at every instant. */
export async function tagBackups(context: ActionContext, change: TagChange, options: TagOptions): Promise<TagResult> {
  checkTagChange(change);
  const { archives, snapshots } = await selectBackups(context, options, forms);
  await using session = await openTagSession(context, snapshots !== undefined, options.dryRun === true);
  const locked = { ...context, signal: session.signal };
  const ofSnapshots =
    snapshots === undefined ? nothing : await tagSnapshots(locked, change, { ...options, ...snapshots });
  const ofArchives = await tagArchives(locked, archives, change, options);
  return {
    changed: [...ofSnapshots.changed, ...ofArchives.changed],
    unchanged: ofSnapshots.unchanged + ofArchives.unchanged,
  };
}

/**
 * Tags are read, changed and written, so only one may do it at a time: of two changes at once one would be lost, and it may be
 * a hold. An archive is written over; the old file of a snapshot is removed.
 */
async function openTagSession(context: ActionContext, removes: boolean, dryRun: boolean): Promise<VaultSession> {
  const { repository, settings, signal } = context;
  if (dryRun) return openSession(repository, settings, { mode: 'shared', purpose: 'read', signal });
  return removes ? openRemovingSession(context) : openExclusiveSession(context);
}

const nothing: TagResult = { changed: [], unchanged: 0 };

async function tagArchives(
  { repository, settings, signal }: ActionContext,
  archives: readonly StoredArchive[],
  change: TagChange,
  { dryRun = false }: TagOptions,
): Promise<TagResult> {
  const changed: TagResult['changed'][number][] = [];
  for (const archive of archives) {
    const tags = changedTags(archive.sidecar.tags, change);
    if (tags === undefined) continue;
    signal.throwIfAborted();
    const id = dryRun ? null : archive.stored;
    changed.push({ before: archiveRecord(archive), tags, id });
    if (dryRun) continue;
    const sidecar = await replaceSidecar(
      repository.origin,
      archive.object,
      // Based on what it says now: others may have changed it since it was listed.
      (now) => ({ ...now, tags: changedTags(now.tags, change) ?? now.tags }),
      signal,
    );
    settings.catalog?.recordBackup(archiveEntry(archiveDetails({ ...archive, sidecar })));
  }
  return { changed, unchanged: archives.length - changed.length };
}

async function tagSnapshots(context: ActionContext, change: TagChange, options: TagOptions): Promise<TagResult> {
  const { repository, settings, report, signal } = context;
  const known = await loadSnapshots(repository, settings, signal);
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
    signal.throwIfAborted();
    const id = options.dryRun === true ? null : await saveTags(context, record, tags, known);
    changed.push({ before: backupRecord(record), tags: tags.filter((tag) => !isNameTag(tag)), id });
  }
  return { changed, unchanged: chosen.length - planned.length };
}

async function saveTags(
  { repository, settings, signal }: ActionContext,
  record: SnapshotRecord,
  tags: readonly string[],
  known: readonly SnapshotRecord[],
): Promise<SnapshotId> {
  const edits = { tags: tags.length === 0 ? undefined : [...tags] };
  const id = await resaveSnapshot(repository, record, edits, { known, signal });
  settings.catalog?.recordBackup(snapshotEntry({ id, snapshot: { ...record.snapshot, tags } }));
  settings.catalog?.recordDeleted('snapshot', [record.id]);
  return id;
}
