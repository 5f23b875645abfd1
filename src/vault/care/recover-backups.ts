import { utf8 } from '../../base/bytes.ts';
import { systemClock } from '../../base/clock.ts';
import type { BlobId } from '../../base/ids.ts';
import { localGoTime } from '../../formats/go-time.ts';
import type { Snapshot } from '../../formats/snapshot/snapshot.ts';
import type { DirectoryNode } from '../../formats/tree/node.ts';
import { encodeTree } from '../../formats/tree/tree-encoder.ts';
import { BlobStore } from '../../repository/blob-store.ts';
import { ownProcess } from '../../repository/lock/process-identity.ts';
import { findLostRoots } from '../../repository/repair/find-lost-roots.ts';
import { saveSnapshot } from '../../repository/snapshots.ts';
import type { ActionContext } from '../actions/backup-action.ts';
import { programVersion } from '../program-version.ts';
import { snapshotEntry } from '../catalog/catalog-entry.ts';
import { type SnapshotBackup, backupRecord } from '../reference/backup-record.ts';
import { loadWholeVault } from '../vault-session.ts';
import type { CareOptions } from './care-options.ts';
import { openExclusiveSession } from './exclusive-session.ts';

export interface RecoverResult {
  /** Root trees that no backup refers to. */
  readonly roots: readonly BlobId[];
  /** The backup in which each of them is a folder; `null` where there are none, or in a dry run. */
  readonly backup: SnapshotBackup | null;
}

const PATH = '/recover';
const TAG = 'recovered';
/** A directory with mode 0755, as Go's `FileMode` has it. */
const DIRECTORY_MODE = 0x8000_01ed;

/** Brings back what lost its snapshot: one new backup with a folder for each root (restic's `recover`). */
export async function recoverBackups(
  context: ActionContext,
  options: CareOptions<readonly BlobId[]>,
): Promise<RecoverResult> {
  const { repository, settings, report } = context;
  await using session = await openExclusiveSession(context, options);
  const { signal } = session;
  const { snapshots, index } = await loadWholeVault(repository, settings, signal);
  const roots = await findLostRoots(
    repository,
    index,
    snapshots.map(({ snapshot }) => snapshot.tree),
    {
      signal,
      onUnreadable: (tree, error) =>
        settings.notify({ level: 'warning', message: `tree ${tree} cannot be recovered: ${error.message}` }),
      onProgress: (completed) =>
        report({ phase: 'search', completed, total: undefined, unit: 'steps', description: '', errors: 0 }),
    },
  );
  if (options.dryRun === true || roots.length === 0) return { roots, backup: null };
  await options.onPlan?.(roots);
  await session.assertHeld();
  const store = new BlobStore(repository, index, session);
  const tree = await store.saveTree(encodeTree(rootNodes(roots)));
  await store.flush();
  await session.assertHeld();
  const snapshot = recoveredSnapshot(tree);
  const id = await saveSnapshot(repository, snapshot, { signal });
  settings.catalog?.recordBackup(snapshotEntry({ id, snapshot }));
  return { roots, backup: backupRecord({ id, snapshot }) };
}

/** A folder for each root, named by the beginning of its id, as restic names them. */
function rootNodes(roots: readonly BlobId[]): DirectoryNode[] {
  const time = localGoTime(systemClock.nowNs());
  const { uid, gid } = ownProcess();
  const sorted = roots.toSorted();
  return sorted.map((subtree, at) => {
    const short = subtree.slice(0, 8);
    const isUnique = sorted[at - 1]?.startsWith(short) !== true && sorted[at + 1]?.startsWith(short) !== true;
    return {
      type: 'dir',
      name: utf8(isUnique ? short : subtree),
      mode: DIRECTORY_MODE,
      mtime: time,
      atime: time,
      ctime: time,
      uid,
      gid,
      user: '',
      group: '',
      inode: 0n,
      deviceId: 0n,
      links: 0n,
      extendedAttributes: [],
      subtree,
    };
  });
}

function recoveredSnapshot(tree: BlobId): Snapshot {
  const { hostname, username, uid, gid } = ownProcess();
  return {
    time: localGoTime(systemClock.nowNs()),
    tree,
    paths: [PATH],
    hostname,
    username,
    uid,
    gid,
    excludes: [],
    tags: [TAG],
    programVersion: `cairn ${programVersion()}`,
    extra: {},
  };
}
