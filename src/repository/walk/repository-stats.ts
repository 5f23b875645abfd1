// How much there is, counted in restic's four ways (`restic stats --mode`).
import { bytesKey } from '../../base/bytes.ts';
import { createHash } from 'node:crypto';
import { type BlobId, idToBytes } from '../../base/ids.ts';
import type { FileNode } from '../../formats/tree/node.ts';
import { BLOB_DATA, BLOB_TREE, type BlobIndex } from '../index/blob-index.ts';
import { RecordSet } from '../index/record-set.ts';
import { SEAL_OVERHEAD } from '../../kernels/codec.ts';
import type { Repository } from '../repository.ts';
import type { SnapshotRecord } from '../snapshots.ts';
import { readTree } from '../blob-reader.ts';
import { blobSize } from '../blob-size.ts';
import { walkTree } from './walk-tree.ts';

/**
 * - `restore-size`: bytes and entries a restore of each snapshot would write, hard links once;
 * - `files-by-contents`: files of different content;
 * - `blobs-per-file`: different blobs of each file path;
 * - `raw-data`: blobs that the snapshots refer to, as stored.
 */
export type StatsMode = 'restore-size' | 'files-by-contents' | 'blobs-per-file' | 'raw-data';

export interface RepositoryStats {
  readonly snapshots: number;
  /** Plain bytes; in mode `raw-data` bytes as stored. */
  bytes: number;
  /** Mode `raw-data`: bytes the same blobs would take without compression; sealed, as restic counts it. */
  uncompressedBytes: number;
  files: number;
  blobs: number;
}

export interface StatsOptions {
  readonly mode: StatsMode;
  readonly signal?: AbortSignal | undefined;
}

export async function repositoryStats(
  repository: Repository,
  index: BlobIndex,
  snapshots: readonly SnapshotRecord[],
  { mode, signal }: StatsOptions,
): Promise<RepositoryStats> {
  const stats: RepositoryStats = { snapshots: snapshots.length, bytes: 0, uncompressedBytes: 0, files: 0, blobs: 0 };
  if (mode === 'raw-data') {
    await countRawData(repository, index, snapshots, stats, signal);
    return stats;
  }
  const seenContents = new Set<string>();
  const blobsOfPath = new Map<string, Set<BlobId>>();
  for (const { snapshot } of snapshots) {
    const hardLinks = new Set<string>();
    for await (const { node, path } of walkTree(repository, index, snapshot.tree, { signal })) {
      if (mode === 'restore-size') {
        stats.files++;
        if (node.type === 'file' && isFirstLink(node, hardLinks)) stats.bytes += Number(node.size);
        continue;
      }
      if (node.type !== 'file' || !addNew(seenContents, contentKey(node))) continue;
      if (mode === 'files-by-contents') {
        stats.files++;
        stats.bytes += Number(node.size);
      } else if (node.content.length > 0) {
        countBlobsOfPath(index, node, path.map(bytesKey).join('/'), {
          stats,
          blobsOfPath,
        });
      }
    }
  }
  return stats;
}

/** What a snapshot added to those before it: the blobs that none of them refers to. */
export interface SizeStep {
  readonly record: SnapshotRecord;
  readonly newBlobs: number;
  /** As stored. */
  readonly newBytes: number;
  /** The same blobs without compression. */
  readonly newUncompressedBytes: number;
  /** As stored, of all blobs that this snapshot and those before it refer to. */
  readonly totalBytes: number;
}

/** How the snapshots, in the order given, grew. Each tree is read once. */
export async function* sizeHistory(
  repository: Repository,
  index: BlobIndex,
  snapshots: readonly SnapshotRecord[],
  signal?: AbortSignal,
): AsyncGenerator<SizeStep, void, undefined> {
  const seen = new RecordSet(index);
  let totalBytes = 0;
  for (const record of snapshots) {
    const step: RepositoryStats = { snapshots: 1, bytes: 0, uncompressedBytes: 0, files: 0, blobs: 0 };
    await countRawData(repository, index, [record], step, signal, seen);
    totalBytes += step.bytes;
    yield {
      record,
      newBlobs: step.blobs,
      newBytes: step.bytes,
      newUncompressedBytes: step.uncompressedBytes,
      totalBytes,
    };
  }
}

/** Blobs that are in `seen` do not count again. */
async function countRawData(
  repository: Repository,
  index: BlobIndex,
  snapshots: readonly SnapshotRecord[],
  stats: RepositoryStats,
  signal: AbortSignal | undefined,
  seen: RecordSet = new RecordSet(index),
): Promise<void> {
  const pending: BlobId[] = snapshots.map(({ snapshot }) => snapshot.tree);
  const count = (type: 0 | 1, id: BlobId): boolean => {
    const record = index.find(type, idToBytes(id));
    if (record < 0 || !seen.add(record)) return false;
    const location = index.location(record);
    stats.blobs++;
    stats.bytes += location?.length ?? 0;
    stats.uncompressedBytes += blobSize(location) + SEAL_OVERHEAD;
    return true;
  };
  for (let tree = pending.pop(); tree !== undefined; tree = pending.pop()) {
    signal?.throwIfAborted();
    if (!count(BLOB_TREE, tree)) continue;
    for (const node of await readTree(repository, index, tree, { signal })) {
      if (node.type === 'dir') pending.push(node.subtree);
      else if (node.type === 'file') for (const id of node.content) count(BLOB_DATA, id);
    }
  }
}

interface PathCounts {
  readonly stats: RepositoryStats;
  readonly blobsOfPath: Map<string, Set<BlobId>>;
}

function countBlobsOfPath(index: BlobIndex, node: FileNode, path: string, { stats, blobsOfPath }: PathCounts): void {
  let blobs = blobsOfPath.get(path);
  if (blobs === undefined) {
    blobs = new Set();
    blobsOfPath.set(path, blobs);
    stats.files++;
  }
  for (const id of node.content) {
    if (!addNew(blobs, id)) continue;
    stats.blobs++;
    const record = index.find(BLOB_DATA, idToBytes(id));
    if (record >= 0) stats.bytes += blobSize(index.location(record));
  }
}

// A file with several names is restored once and then linked. An inode of 0 was not recorded.
function isFirstLink(node: FileNode, seen: Set<string>): boolean {
  if (node.links <= 1n || node.inode === 0n) return true;
  return addNew(seen, `${node.deviceId}:${node.inode}`);
}

function contentKey(node: FileNode): string {
  const hash = createHash('sha256');
  for (const id of node.content) hash.update(id, 'hex');
  return hash.digest('base64');
}

function addNew<T>(set: Set<T>, value: T): boolean {
  if (set.has(value)) return false;
  set.add(value);
  return true;
}
