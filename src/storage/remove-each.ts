import { mapConcurrent } from '../base/concurrency.ts';
import { checkObjectName } from './object-name.ts';
import type { ObjectName, Storage, StorageOptions } from './storage.ts';

/**
 * `removeMany` for storages that remove one object at a time: as many at once as the storage has connections.
 * All names are checked before the first object is removed.
 */
export async function removeEach(
  storage: Pick<Storage, 'features' | 'remove'>,
  names: readonly ObjectName[],
  { signal }: StorageOptions = {},
): Promise<void> {
  for (const name of names) checkObjectName(name);
  signal?.throwIfAborted();
  const limit = Math.max(1, storage.features.connections);
  await mapConcurrent(names, { limit, signal }, (name) => storage.remove(name, { signal }));
}

/**
 * `removeMany` of a layer that has something to do for each request below it: `removeBatch` is called with as
 * many names as one request takes, batch after batch, or else `remove` of the layer for each object.
 */
export async function removeInBatches(
  layer: Pick<Storage, 'features' | 'remove'>,
  names: readonly ObjectName[],
  options: StorageOptions,
  removeBatch: (batch: readonly ObjectName[]) => Promise<void>,
): Promise<void> {
  const { features } = layer;
  const size = features.removeBatch ?? 1;
  if (size <= 1) return removeEach(layer, names, options);
  for (const name of names) checkObjectName(name);
  for (let at = 0; at < names.length; at += size) {
    options.signal?.throwIfAborted();
    await removeBatch(names.slice(at, at + size));
  }
}
