import type { IndexId } from '../../base/ids.ts';
import { idFromBytes, type PackId } from '../../base/ids.ts';
import { mapConcurrent } from '../../base/concurrency.ts';
import { decodeIndexFile } from '../../formats/index-file/index-file.ts';
import type { Repository } from '../repository.ts';
import type { BlobIndex } from './blob-index.ts';

/**
 * An index with what these files list on top; numbers of records and packs stay what they were. Only while no other
 * thread writes. Throws `INDEX_CORRUPT`, and `OBJECT_MISSING` for a file that is gone.
 */
export async function extendIndex(
  repository: Repository,
  index: BlobIndex,
  files: readonly IndexId[],
  options: {
    readonly signal?: AbortSignal | undefined;
    readonly packsOfFiles?: Map<IndexId, readonly number[]> | undefined;
  } = {},
): Promise<BlobIndex> {
  if (files.length === 0) return index;
  const limit = Math.max(2, repository.storage.features.connections);
  const documents = await mapConcurrent(files, { limit, signal: options.signal }, (id) =>
    repository.loadUnpacked('index', id, options),
  );
  let blobs = 0;
  let packs = 0;
  for (const json of documents) decodeIndexFile(json, { pack: () => packs++, blob: () => blobs++ });
  const larger = index.grown({ blobs: index.size + blobs, packs: index.packCount + packs });
  const numbers = new Map<PackId, number>();
  for (let pack = 0; pack < larger.packCount; pack++) numbers.set(larger.packId(pack), pack);
  for (const [at, json] of documents.entries()) {
    let current = -1;
    const listed: number[] = [];
    const file = files[at];
    if (file !== undefined) options.packsOfFiles?.set(file, listed);
    decodeIndexFile(json, {
      pack: (id) => {
        const text = idFromBytes<PackId>(id);
        current = numbers.get(text) ?? larger.addPack(id);
        numbers.set(text, current);
        listed.push(current);
      },
      // A pack that was listed before gets records twice, which only costs memory.
      blob: (type, id, offset, length, plain) => larger.add(type, id, current, offset, length, plain),
    });
  }
  return larger;
}
