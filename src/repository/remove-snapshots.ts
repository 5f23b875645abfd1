import { mapConcurrent } from '../base/concurrency.ts';
import type { SnapshotId } from '../base/ids.ts';
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
    readonly onRemoved?: ((count: number) => void) | undefined;
  } = {},
): Promise<RemovedSnapshots> {
  const { signal, onRemoved } = options;
  const removed: SnapshotId[] = [];
  const failed: { id: SnapshotId; error: unknown }[] = [];
  await mapConcurrent(ids, { limit: repository.storage.features.connections, signal }, async (id) => {
    try {
      await repository.removeFile('snapshot', id, { signal });
      removed.push(id);
      onRemoved?.(removed.length);
    } catch (error) {
      signal?.throwIfAborted();
      failed.push({ id, error });
    }
  });
  return { removed, failed };
}
