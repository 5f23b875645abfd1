// What is kept on this machine of a remote vault, as restic does: index files, snapshots and packs of
// trees, encrypted as they are; never packs of data.
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { RepositoryId } from '../base/ids.ts';
import { TemporaryFolder } from '../base/temporary-folder.ts';
import { cached, type CachedStorage } from '../storage/layers/cache.ts';
import type { Storage } from '../storage/storage.ts';
import type { BlobIndex } from './index/blob-index.ts';
import { objectName } from './layout.ts';
import { Repository } from './repository.ts';

export interface CacheOptions {
  /** Directory of the caches of all vaults. */
  readonly folder: string;
  /** Told of the first failure to keep something; the work goes on without. */
  readonly onProblem?: ((error: unknown) => void) | undefined;
}

/**
 * The cache of a repository, or `undefined` where none is wanted, the storage is not remote, or none can be had: a full disk
 * here keeps nobody from what is there.
 */
export async function openCache(
  storage: Storage,
  repository: RepositoryId,
  options: CacheOptions | undefined,
): Promise<CachedStorage | undefined> {
  if (options === undefined || !storage.features.remote) return undefined;
  const { folder, onProblem } = options;
  try {
    return await cached(storage, { folder, repository, ...(onProblem === undefined ? {} : { onProblem }) });
  } catch (error) {
    onProblem?.(error);
    return undefined;
  }
}

/** Tells the cache which packs hold trees: those the index knows. */
export function cacheTreePacks(cache: CachedStorage, index: BlobIndex): void {
  for (const [packNumber, isTree] of index.treePacks().entries()) {
    if (isTree === 1) cache.cachePack(objectName('pack', index.packId(packNumber)));
  }
}

/** What a check read, in a folder of its own. One that was killed leaves it; none runs for so long. */
const FRESH_PREFIX = 'check';
const LEFT_BEHIND_MS = 7 * 24 * 3600 * 1000;

export interface FreshRepository extends AsyncDisposable {
  readonly repository: Repository;
}

/**
 * The repository with an empty cache, which goes away with it, in place of the one that this machine keeps: for whoever has
 * to know what the vault itself holds, since a good copy here hides what is damaged there. That copy stays, as it may be
 * the last one.
 */
export async function readAfresh(repository: Repository): Promise<FreshRepository> {
  const { cache, origin, config, key, keyId, openedFrom, codec, coldClass } = repository;
  if (cache === undefined) return { repository, [Symbol.asyncDispose]: () => Promise.resolve() };
  const folder = await makeFreshFolder(cache.folder);
  const fresh = folder && (await cached(origin, { folder: folder.path, repository: config.id }));
  return {
    repository: new Repository({ origin, cache: fresh, config, key, keyId, openedFrom, codec, coldClass }),
    [Symbol.asyncDispose]: async () => folder?.[Symbol.asyncDispose](),
  };
}

/** `undefined` where there is no room for one: it only saves requests. */
async function makeFreshFolder(parent: string): Promise<TemporaryFolder | undefined> {
  try {
    await removeLeftBehind(parent);
    return await TemporaryFolder.make(FRESH_PREFIX, undefined, parent);
  } catch {
    return undefined;
  }
}

async function removeLeftBehind(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    if (!name.startsWith(`${FRESH_PREFIX}_`)) continue;
    const path = join(parent, name);
    const { mtimeMs } = await stat(path);
    if (Date.now() - mtimeMs > LEFT_BEHIND_MS) await rm(path, { recursive: true, force: true });
  }
}
