// What is kept on this machine of a remote vault, as restic does: index files, snapshots and packs of
// trees, encrypted as they are; never packs of data.
import type { RepositoryId } from '../base/ids.ts';
import { cached, type CachedStorage } from '../storage/layers/cache.ts';
import type { Storage } from '../storage/storage.ts';
import type { BlobIndex } from './index/blob-index.ts';
import { objectName } from './layout.ts';

export interface CacheOptions {
  /** Directory of the caches of all vaults. */
  readonly folder: string;
  /** Told of the first failure to keep something; the work goes on without. */
  readonly onProblem?: ((error: unknown) => void) | undefined;
}

/** The cache of a repository, or `undefined` where none is wanted or the storage is not remote. */
export async function openCache(
  storage: Storage,
  repository: RepositoryId,
  options: CacheOptions | undefined,
): Promise<CachedStorage | undefined> {
  if (options === undefined || !storage.features.remote) return undefined;
  const { folder, onProblem } = options;
  return await cached(storage, { folder, repository, ...(onProblem === undefined ? {} : { onProblem }) });
}

/** Tells the cache which packs hold trees: those the index knows. */
export function cacheTreePacks(cache: CachedStorage, index: BlobIndex): void {
  for (const [packNumber, isTree] of index.treePacks().entries()) {
    if (isTree === 1) cache.cachePack(objectName('pack', index.packId(packNumber)));
  }
}
