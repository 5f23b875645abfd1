import { mapConcurrent } from '../../base/concurrency.ts';
import { type CairnError, isCairnError } from '../../base/errors.ts';
import { type BlobId, idToBytes } from '../../base/ids.ts';
import { decodeTree } from '../../formats/tree/tree-decoder.ts';
import { readBlob } from '../blob-reader.ts';
import { type ReferenceVisitor, visitReferences } from '../check/tree-references.ts';
import { BLOB_TREE, type BlobIndex } from '../index/blob-index.ts';
import { RecordSet } from '../index/record-set.ts';
import type { Repository } from '../repository.ts';

export interface LostRootsOptions {
  readonly signal?: AbortSignal | undefined;
  /** Told of each tree that cannot be read; it cannot be recovered. */
  readonly onUnreadable?: ((tree: BlobId, error: CairnError) => void) | undefined;
  readonly onProgress?: ((trees: number) => void) | undefined;
}

/**
 * Trees that no other tree and no snapshot refers to: the roots of backups whose snapshot is gone (restic's `recover`).
 * Reads every tree there is once; memory is a bit for each blob.
 */
export async function findLostRoots(
  repository: Repository,
  index: BlobIndex,
  snapshotTrees: Iterable<BlobId>,
  { signal, onUnreadable, onProgress }: LostRootsOptions = {},
): Promise<BlobId[]> {
  const referenced = new RecordSet(index);
  const bad = new RecordSet(index);
  const refer = (id: Uint8Array): void => {
    const record = index.find(BLOB_TREE, id);
    if (record >= 0) referenced.add(record);
  };
  for (const tree of snapshotTrees) refer(idToBytes(tree));
  let trees = 0;
  const limit = Math.max(2, repository.storage.features.connections);
  await mapConcurrent(treeRecords(index), { limit, signal }, async (record) => {
    const id = index.blobId(record);
    try {
      visitSubtrees(await readBlob(repository, index, 'tree', id, { signal }), refer);
    } catch (error) {
      signal?.throwIfAborted();
      if (!isCairnError(error) || error.code.startsWith('STORAGE_')) throw error;
      bad.add(record);
      onUnreadable?.(id, error);
    }
    onProgress?.(++trees);
  });
  return [...treeRecords(index)]
    .filter((record) => !referenced.has(record) && !bad.has(record))
    .map((record) => index.blobId(record));
}

/** The first record of each tree. */
function* treeRecords(index: BlobIndex): Generator<number> {
  for (let record = 0; record < index.size; record++) {
    if (index.blobType(record) !== BLOB_TREE) continue;
    if (index.find(BLOB_TREE, index.idBytes(record)) === record) yield record;
  }
}

function visitSubtrees(bytes: Uint8Array, refer: (id: Uint8Array) => void): void {
  const visitor: ReferenceVisitor = { data: () => {}, tree: (id) => refer(id) };
  let isUsual = false;
  try {
    isUsual = visitReferences(bytes, visitor);
  } catch {
    // Hostile names are decoded below: what they name is referred to all the same.
  }
  if (isUsual) return;
  for (const node of decodeTree(bytes, { hostile: 'keep' })) if (node.type === 'dir') refer(idToBytes(node.subtree));
}
