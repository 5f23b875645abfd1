import type { ErrorCode } from '../base/error-codes.ts';
import { CairnError } from '../base/errors.ts';
import { idFromBytes, type AnyId } from '../base/ids.ts';
import type { Codec } from '../kernels/codec.ts';
import type { CachedStorage } from '../storage/layers/cache.ts';
import { readAttempts } from '../storage/read-attempts.ts';
import type { Storage } from '../storage/storage.ts';
import { type FileIds, type FileKind, objectName } from './layout.ts';

/** The error code that says a file of this kind is damaged. */
const damagedCode: Readonly<Record<FileKind, ErrorCode>> = {
  key: 'KEY_CORRUPT',
  lock: 'LOCK_CORRUPT',
  snapshot: 'SNAPSHOT_CORRUPT',
  index: 'INDEX_CORRUPT',
  pack: 'PACK_CORRUPT',
};

/** Where a file is read from: first through the cache, if there is one, then from the vault itself. */
export interface FileOrigin {
  readonly storage: Storage;
  /** The storage without its cache. */
  readonly origin: Storage;
  readonly cache: CachedStorage | undefined;
  readonly codec: Codec;
}

/** The storage id of these bytes. */
export function storageId<Id extends AnyId>(codec: Codec, bytes: Uint8Array): Id {
  const hash = new Uint8Array(32);
  codec.sha256(bytes, hash);
  return idFromBytes<Id>(hash);
}

/**
 * Reads a whole file and compares its SHA-256 with its name. On a mismatch it is fetched once more, past
 * the cache, because a transfer or a cached copy may have gone bad, and from each storage of a mirror; then the file itself is damaged and
 * the kind's error (`SNAPSHOT_CORRUPT`, `INDEX_CORRUPT`, …) names it. Throws `OBJECT_MISSING` where there is none.
 */
export async function readStoredFile<K extends FileKind>(
  from: FileOrigin,
  kind: K,
  id: FileIds[K],
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<Uint8Array> {
  const name = objectName(kind, id);
  for (let copy = 0; copy < readAttempts(from.origin); copy++) {
    const storage = copy === 0 ? from.storage : from.origin;
    const bytes = await storage.read(name, { ...options, copy });
    if (storageId(from.codec, bytes) === id) return bytes;
    await from.cache?.forget(name);
  }
  throw damagedFile(kind, id, 'its content does not match its name');
}

/** The error of a damaged file, naming it. */
export function damagedFile<K extends FileKind>(kind: K, id: FileIds[K], why: string, cause?: unknown): CairnError {
  const name = objectName(kind, id);
  return new CairnError(damagedCode[kind], `${name} is damaged: ${why}`, {
    facts: { object: name },
    ...(cause === undefined ? {} : { cause }),
  });
}
