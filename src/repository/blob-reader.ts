import { CairnError, hasCode, isCairnError, messageOf } from '../base/errors.ts';
import { type BlobId, idToBytes, type PackId, shortId } from '../base/ids.ts';
import type { BlobType } from '../formats/pack/pack-header.ts';
import type { Node } from '../formats/tree/node.ts';
import { decodeTree } from '../formats/tree/tree-decoder.ts';
import { readAttempts } from '../storage/read-attempts.ts';
import { decodeBlob } from './blob-codec.ts';
import { BLOB_DATA, BLOB_TREE, type BlobIndex, type BlobLocation } from './index/blob-index.ts';
import { objectName } from './layout.ts';
import { LruCache } from './lru-cache.ts';
import type { Repository } from './repository.ts';

interface ReadBlobOptions {
  readonly signal?: AbortSignal | undefined;
}

/**
 * Reads one blob: its plaintext, authenticated and compared with its id. Each copy the index knows is
 * tried, twice when it is bad, since a transfer may have gone wrong, or once from each storage of a mirror. Throws `BLOB_MISSING` if no index lists
 * it or all packs with it are gone, `BLOB_CORRUPT` naming the packs if no copy is good, or the storage's error.
 * Safe to call concurrently.
 */
export async function readBlob(
  repository: Repository,
  index: BlobIndex,
  type: BlobType,
  id: BlobId,
  options: ReadBlobOptions = {},
): Promise<Uint8Array> {
  const locations = index.locations(type === 'tree' ? BLOB_TREE : BLOB_DATA, idToBytes(id));
  const failures: CopyFailure[] = [];
  for (const location of locations) {
    const pack = index.packId(location.packNumber);
    for (let copy = 0; copy < readAttempts(repository.origin); copy++) {
      const storage = copy === 0 ? repository.storage : repository.origin;
      options.signal?.throwIfAborted();
      try {
        const range = { offset: location.offset, length: location.length, copy, signal: options.signal };
        const sealed = await storage.read(objectName('pack', pack), range);
        return decodeBlob(repository.codec, repository.key, sealed, { id, ...uncompressed(location) });
      } catch (error) {
        options.signal?.throwIfAborted();
        failures.push({ pack, error });
        if (hasCode(error, 'OBJECT_MISSING')) break;
        await repository.cache?.forget(objectName('pack', pack));
      }
    }
  }
  throw blobError(type, id, failures);
}

/** Reads and decodes one tree. Throws as `readBlob` does, and `TREE_CORRUPT`. */
export async function readTree(
  repository: Repository,
  index: BlobIndex,
  id: BlobId,
  options: ReadBlobOptions & { readonly hostile?: 'keep' | undefined } = {},
): Promise<Node[]> {
  const bytes = await readTreeBytes(repository, index, id, options);
  try {
    return options.hostile === 'keep' ? decodeTree(bytes, { hostile: 'keep' }) : decodeTree(bytes);
  } catch (error) {
    if (!isCairnError(error)) throw error;
    throw new CairnError(error.code, `tree ${id}: ${error.message}`, { cause: error, facts: { tree: id } });
  }
}

const TREE_CACHE_BYTES = 32 * 1024 * 1024;
const treeCaches = new WeakMap<BlobIndex, LruCache<BlobId, Uint8Array>>();

/** The bytes of a tree blob; recently used ones are kept in memory (up to 32 MiB for each index). */
export async function readTreeBytes(
  repository: Repository,
  index: BlobIndex,
  id: BlobId,
  options: ReadBlobOptions = {},
): Promise<Uint8Array> {
  let cache = treeCaches.get(index);
  if (cache === undefined) {
    cache = new LruCache(TREE_CACHE_BYTES, (bytes) => bytes.length);
    treeCaches.set(index, cache);
  }
  const known = cache.get(id);
  if (known !== undefined) return known;
  const bytes = await readBlob(repository, index, 'tree', id, options);
  cache.set(id, bytes);
  return bytes;
}

interface CopyFailure {
  readonly pack: PackId;
  readonly error: unknown;
}

function uncompressed({ uncompressedLength }: BlobLocation): { readonly uncompressedLength: number } {
  return { uncompressedLength };
}

const damageCodes = ['SEAL_BROKEN', 'COMPRESSION_INVALID', 'BLOB_CORRUPT', 'OBJECT_TRUNCATED'] as const;

function blobError(type: BlobType, id: BlobId, failures: readonly CopyFailure[]): unknown {
  const packs = [...new Set(failures.map(({ pack }) => pack))];
  const facts = { blob: id, type, packs };
  if (packs.length === 0) {
    return new CairnError('BLOB_MISSING', `${type} blob ${id} is not in the index`, {
      hint: 'run `cairn check`; a new backup of the same files adds it again',
      facts,
    });
  }
  // A storage that cannot be reached says nothing about the blob.
  const access = failures.find(
    ({ error }) => !hasCode(error, 'OBJECT_MISSING') && !damageCodes.some((code) => hasCode(error, code)),
  );
  if (access !== undefined) return access.error;
  const where = packs.map((pack) => objectName('pack', pack)).join(', ');
  const cause = failures.at(-1)?.error;
  if (failures.every(({ error }) => hasCode(error, 'OBJECT_MISSING'))) {
    const message = `${type} blob ${id} is missing: so is ${where}, the pack it was in`;
    return new CairnError('BLOB_MISSING', message, { hint: 'run `cairn check`', facts, cause });
  }
  return new CairnError('BLOB_CORRUPT', `${type} blob ${shortId(id)} in ${where} is damaged: ${messageOf(cause)}`, {
    hint: 'run `cairn check --read-data` to see all damage',
    facts,
    cause,
  });
}
