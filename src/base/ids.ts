// Ids are SHA-256 values printed as 64 lower-case hex digits. A *storage id* is the hash of a file's
// bytes as stored (keys, locks, index files, snapshots, packs); a *blob id* is the hash of the
// plaintext before compression. Each kind has its own type, so that one cannot stand in for another.
import type { Brand } from './brand.ts';
import { CairnError } from './errors.ts';

export type BlobId = Brand<string, 'BlobId'>;
export type PackId = Brand<string, 'PackId'>;
export type IndexId = Brand<string, 'IndexId'>;
export type SnapshotId = Brand<string, 'SnapshotId'>;
export type KeyId = Brand<string, 'KeyId'>;
export type LockId = Brand<string, 'LockId'>;
export type RepositoryId = Brand<string, 'RepositoryId'>;

export type AnyId = BlobId | PackId | IndexId | SnapshotId | KeyId | LockId | RepositoryId;

/** Bytes of a binary id. */
export const ID_SIZE = 32;

const HEX_ID = /^[0-9a-f]{64}$/;

/** Whether `text` has the form of an id: 64 lower-case hex digits. */
export function isId(text: string): boolean {
  return HEX_ID.test(text);
}

/** Parses an id of the wanted kind, such as `parseId<PackId>(name)`. Throws `ID_INVALID`. */
export function parseId<Id extends AnyId>(text: string): Id {
  if (!isId(text)) {
    throw new CairnError('ID_INVALID', `not an id: ${JSON.stringify(text.slice(0, 80))}`);
  }
  return text as Id;
}

/** Prints the 32 bytes at `offset` of `bytes` as an id of the wanted kind. */
export function idFromBytes<Id extends AnyId>(bytes: Uint8Array, offset = 0): Id {
  if (bytes.length < offset + ID_SIZE) {
    throw new CairnError('ID_INVALID', `an id needs ${ID_SIZE} bytes, got ${bytes.length - offset}`);
  }
  return Buffer.from(bytes.buffer, bytes.byteOffset + offset, ID_SIZE).toString('hex') as Id;
}

/** The 32 bytes of an id. */
export function idToBytes(id: AnyId): Uint8Array {
  return Buffer.from(id, 'hex');
}

/** The form shown to people: the first eight digits, as restic prints it. */
export function shortId(id: AnyId): string {
  return id.slice(0, 8);
}
