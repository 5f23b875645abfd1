import { mapConcurrent } from '../../base/concurrency.ts';
import { type CairnError, hasCode, messageOf } from '../../base/errors.ts';
import type { IndexId } from '../../base/ids.ts';
import { createBlobRunReader } from '../../formats/index-file/blob-runs.ts';
import { decodeIndexFile } from '../../formats/index-file/index-file.ts';
import { UnpackedMemory } from '../../formats/unpacked.ts';
import { cacheTreePacks } from '../repository-cache.ts';
import type { Repository } from '../repository.ts';
import { damagedFile } from '../stored-file.ts';
import type { BlobIndex, BlobIndexCapacity } from './blob-index.ts';
import { IndexMerger } from './index-merger.ts';

export interface LoadIndexOptions {
  readonly signal?: AbortSignal | undefined;
  /** Told of what is odd but harmless, such as a pack that several index files list. */
  readonly onWarning?: ((warning: string) => void) | undefined;
  /** Given, damaged index files are told here and left out; otherwise the first one ends the call. */
  readonly onDamaged?: ((error: CairnError) => void) | undefined;
  /** Room for more blobs and packs than there are, for writers. */
  readonly room?: BlobIndexCapacity | undefined;
  /** Told of each index file whose blobs are in the index. */
  readonly onLoaded?: ((id: IndexId) => void) | undefined;
  /** Filled with the numbers of the packs that each index file lists. */
  readonly packsOfFiles?: Map<IndexId, number[]> | undefined;
  /** Told when the listing has ended; files may still be read. */
  readonly onListed?: (() => void) | undefined;
  readonly onProgress?: ((done: { readonly files: number; readonly totalFiles: number }) => void) | undefined;
}

/**
 * Loads all index files into one index. Throws `INDEX_CORRUPT`, naming the file. List the snapshots
 * *before* calling this: the other way round a snapshot could refer to a newer index file.
 */
export async function loadIndex(repository: Repository, options: LoadIndexOptions = {}): Promise<BlobIndex> {
  const { signal, onWarning, onDamaged, onProgress } = options;
  const files: { readonly id: IndexId; readonly sizeBytes: number }[] = [];
  for await (const file of repository.listIds('index', { signal })) files.push(file);
  options.onListed?.();
  const room = options.room ?? { blobs: 0, packs: 0 };
  const sizeBytes = files.reduce((sum, file) => sum + file.sizeBytes, 0);
  const merger = new IndexMerger(estimate(sizeBytes, repository.config.version), room);
  const runs = sizeBytes < RUNS_FROM_BYTES ? undefined : createBlobRunReader();
  const memory = new UnpackedMemory();
  let done = 0;
  const limit = Math.max(2, repository.storage.features.connections);
  await mapConcurrent(files, { limit, signal }, async ({ id }) => {
    try {
      const packs: number[] = [];
      const add = (json: Uint8Array): void => {
        merger.onPack = options.packsOfFiles === undefined ? undefined : (pack) => packs.push(pack);
        decodeIndexFile(json, merger, runs);
      };
      await repository.useUnpacked('index', id, add, { memory, signal });
      options.packsOfFiles?.set(id, packs);
      options.onLoaded?.(id);
    } catch (error) {
      if (!hasCode(error, 'INDEX_CORRUPT')) throw error;
      const damaged = 'object' in error.facts ? error : damagedFile('index', id, messageOf(error), error);
      if (onDamaged === undefined) throw damaged;
      onDamaged(damaged);
    }
    onProgress?.({ files: ++done, totalFiles: files.length });
  });
  if (merger.repeatedPacks > 0) {
    const packs = merger.repeatedPacks === 1 ? '1 pack is' : `${merger.repeatedPacks} packs are`;
    onWarning?.(`${packs} listed by more than one index file, which \`cairn repair index\` puts right`);
  }
  const index = merger.finish();
  if (repository.cache !== undefined) cacheTreePacks(repository.cache, index);
  return index;
}

/** Less is read before the kernels are made. */
const RUNS_FROM_BYTES = 6 * 1024;

/**
 * Mostly a little more than there is; the index grows where it is less. A blob takes some 50 bytes of an index file, of
 * which its id is 32, and 120 where nothing is compressed; packs of less than six blobs are few. Memory that is not used
 * is not touched.
 */
function estimate(sizeBytes: number, version: 1 | 2): BlobIndexCapacity {
  return { blobs: Math.ceil(sizeBytes / (version === 2 ? 46 : 110)), packs: Math.ceil(sizeBytes / 300) };
}
