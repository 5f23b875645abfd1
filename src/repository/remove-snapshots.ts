import { mapConcurrent } from '../base/concurrency.ts';
import type { SnapshotId } from '../base/ids.ts';
import { objectName } from './layout.ts';
import type { Repository } from './repository.ts';

export interface RemovedSnapshots {
  readonly removed: readonly SnapshotId[];
  /** Those that are still there, or may be. */
  readonly failed: readonly { readonly id: SnapshotId; readonly error: unknown }[];
}

/**
 * Removes snapshot files. One that cannot be removed does not keep the others. What they alone referred to stays
 * until a prune. The caller holds the exclusive lock.
 */
export async function removeSnapshots(
  repository: Repository,
  ids: readonly SnapshotId[],
  options: {
    readonly signal?: AbortSignal | undefined;
    /** Gets the ids of all that are gone so far. */
    readonly onRemoved?: ((removed: readonly SnapshotId[]) => void) | undefined;
  } = {},
): Promise<RemovedSnapshots> {
  const { signal, onRemoved } = options;
  const removed: SnapshotId[] = [];
  const failed: { id: SnapshotId; error: unknown }[] = [];
  const { connections: limit, removeBatch = 1 } = repository.storage.features;
  const removeOne = async (id: SnapshotId): Promise<void> => {
    try {
      await repository.removeFile('snapshot', id, { signal });
      removed.push(id);
      onRemoved?.(removed);
    } catch (error) {
      signal?.throwIfAborted();
      failed.push({ id, error });
    }
  };
  await mapConcurrent(batches(ids, removeBatch), { limit, signal }, async (batch) => {
    if (batch.length > 1 && (await removesTogether(repository, batch, signal))) {
      removed.push(...batch);
      onRemoved?.(removed);
    } else for (const id of batch) await removeOne(id);
  });
  return { removed, failed };
}

function* batches(ids: readonly SnapshotId[], size: number): Generator<readonly SnapshotId[]> {
  for (let start = 0; start < ids.length; start += size) yield ids.slice(start, start + size);
}

/** False where one of them failed; removing them one by one then tells which. */
async function removesTogether(
  { storage }: Repository,
  ids: readonly SnapshotId[],
  signal: AbortSignal | undefined,
): Promise<boolean> {
  try {
    const names = ids.map((id) => objectName('snapshot', id));
    await storage.removeMany(names, { signal });
    return true;
  } catch {
    signal?.throwIfAborted();
    return false;
  }
}
