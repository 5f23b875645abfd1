// Puts a source back as a backup has it, in place, and checks it.
import path from 'node:path';
import { CairnError, isCairnError } from '../../base/errors.ts';
import type { BlobIndex } from '../../repository/index/blob-index.ts';
import type { SnapshotRecord } from '../../repository/snapshots.ts';
import { restore } from '../../restorer/restore.ts';
import type { OverwriteMode, RestoreResult } from '../../restorer/restore-options.ts';
import type { Source } from '../../archiver/source.ts';
import type { ActionContext } from '../actions/backup-action.ts';
import { SnapshotTree } from '../look/snapshot-tree.ts';
import { loadSnapshots, loadVaultIndex, openSession } from '../vault-session.ts';
import { removeCreated } from './remove-created.ts';

export interface RollbackResult {
  readonly filesRestored: number;
  /** What the change had made. */
  readonly filesRemoved: number;
  /** What could not be put back. */
  readonly problems: readonly RollbackProblem[];
}

export interface RollbackProblem {
  readonly path: string;
  readonly message: string;
}

/**
 * Restores every path of a backup to where it was, then removes what came since, and compares what was restored. The
 * source's own rules are restored before they are asked: a change that removed an ignore file must not make what it
 * covered look new.
 */
export async function rollBack(context: ActionContext, backupId: string, source: Source): Promise<RollbackResult> {
  const { repository, settings, report } = context;
  const options = { mode: 'shared', purpose: 'read', signal: context.signal } as const;
  await using session = await openSession(repository, settings, options);
  const { signal } = session;
  const { snapshot } = await findBackup({ repository, settings, signal }, backupId);
  const index = await loadVaultIndex(repository, settings, signal);
  const tree = new SnapshotTree(repository, index, { signal });
  const place: Place = { context: { repository, settings, signal, report }, index, tree, snapshot };
  const first = await bringBack(place, 'always');
  // Larger files than it takes are not in the backup, so what is new cannot be told from what is too large.
  const created =
    source.maxFileSize === undefined
      ? await removeCreated(source, { tree, root: snapshot.tree }, signal)
      : { removed: 0, problems: [] };
  // Perhaps a folder stood where a file belongs; and removing things changed the times of their folders.
  const isWhole = first.problems.length === 0;
  const last = isWhole && created.removed === 0 ? first : await bringBack(place, isWhole ? 'if-changed' : 'always');
  return {
    filesRestored: first.filesRestored + (isWhole ? 0 : last.filesRestored),
    filesRemoved: created.removed,
    problems: [...created.problems, ...last.problems],
  };
}

interface Place {
  readonly context: ActionContext;
  readonly index: BlobIndex;
  readonly tree: SnapshotTree;
  readonly snapshot: SnapshotRecord['snapshot'];
}

interface Restored {
  readonly filesRestored: number;
  readonly problems: readonly RollbackProblem[];
}

/** Every path of the backup; one that cannot be restored does not keep the others. */
async function bringBack(place: Place, overwrite: OverwriteMode): Promise<Restored> {
  const problems: RollbackProblem[] = [];
  let filesRestored = 0;
  for (const target of place.snapshot.paths) {
    try {
      const result = await bringBackPath(place, target, overwrite);
      filesRestored += result.filesRestored;
      problems.push(...result.problems.map(({ path: below, message }) => ({ path: `${target}: ${below}`, message })));
    } catch (error) {
      place.context.signal.throwIfAborted();
      if (!isCairnError(error)) throw error;
      problems.push({ path: target, message: error.message });
    }
  }
  return { filesRestored, problems };
}

async function bringBackPath(
  { context, index, tree, snapshot }: Place,
  target: string,
  overwrite: OverwriteMode,
): Promise<RestoreResult> {
  const { repository, settings, signal, report } = context;
  const found = await tree.find(snapshot, target);
  const isFolder = found.kind === 'root' || found.node.type === 'dir';
  return restore(repository, {
    snapshot,
    root: found.path,
    // A folder's content and metadata become those of the target; anything else goes into it under its own name.
    target: isFolder ? target : path.dirname(target),
    overwrite,
    verify: true,
    jobs: settings.jobs,
    index,
    signal,
    onProgress: ({ phase, bytes, totalBytes, errors }) =>
      report({ phase, completed: bytes, total: totalBytes, unit: 'bytes', description: target, errors }),
  });
}

/** By its id, or by the one it had before its tags were changed. */
async function findBackup(
  { repository, settings, signal }: Pick<ActionContext, 'repository' | 'settings' | 'signal'>,
  backupId: string,
): Promise<SnapshotRecord> {
  const snapshots = await loadSnapshots(repository, settings, signal);
  const found = snapshots.find(({ id, snapshot }) => id === backupId || snapshot.original === backupId);
  if (found !== undefined) return found;
  throw new CairnError('REF_UNKNOWN', `the backup ${backupId.slice(0, 8)}, made before the change, is gone`);
}
