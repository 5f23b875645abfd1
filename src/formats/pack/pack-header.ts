// A pack file: sealed(blob 1) ‖ … ‖ sealed(blob n) ‖ sealed(header) ‖ u32le size of the sealed header
// (restic's format, "Pack Format"). The header's plaintext is a list of entries; a blob's offset is the
// sum of the lengths before it.
//
//   offset | size | field
//   0      | 1    | type: 0 data, 1 tree, 2 data compressed, 3 tree compressed
//   1      | 4    | u32le size of the sealed blob, bytes
//   5      | 4    | u32le size of the plaintext, bytes (types 2 and 3 only)
//   5 or 9 | 32   | blob id
import { CairnError } from '../../base/errors.ts';
import type { BlobId } from '../../base/ids.ts';
import { ID_SIZE, idFromBytes, idToBytes } from '../../base/ids.ts';

export type BlobType = 'data' | 'tree';

export interface PackEntry {
  readonly type: BlobType;
  readonly id: BlobId;
  /** Bytes from the start of the pack. */
  readonly offset: number;
  /** Bytes of the sealed blob. */
  readonly length: number;
  /** Bytes of the plaintext; 0 = stored as it is, not compressed. */
  readonly uncompressedLength: number;
}

/** Bytes of the length field that ends a pack. */
export const PACK_TRAILER = 4;

/** Bytes that sealing adds: IV and MAC. */
const SEAL_SIZE = 32;
const RAW_ENTRY_SIZE = 1 + 4 + ID_SIZE;
const COMPRESSED_ENTRY_SIZE = 1 + 4 + 4 + ID_SIZE;
/** restic refuses longer headers. */
const MAX_HEADER_SIZE = 16 * 1024 * 1024;
const U32_MAX = 0xffff_ffff;
const COMPRESSED = 2;
const TREE = 1;

/** Bytes that an entry takes in the header. */
export function packHeaderEntrySize(entry: Pick<PackEntry, 'uncompressedLength'>): number {
  return entry.uncompressedLength === 0 ? RAW_ENTRY_SIZE : COMPRESSED_ENTRY_SIZE;
}

/** Offsets are implied, so the entries must be given in pack order without gaps. Throws `PACK_CORRUPT` if they are not. */
export function encodePackHeader(entries: readonly PackEntry[]): Uint8Array {
  let size = 0;
  for (const entry of entries) size += packHeaderEntrySize(entry);
  if (size === 0 || size + SEAL_SIZE > MAX_HEADER_SIZE) throw corrupt(`a header of ${entries.length} entries`);
  const out = new Uint8Array(size);
  const view = new DataView(out.buffer);
  let at = 0;
  let offset = 0;
  for (const entry of entries) {
    const isCompressed = entry.uncompressedLength !== 0;
    checkSizes(entry.length, entry.uncompressedLength);
    if (entry.offset !== offset) throw corrupt(`blob ${entry.id} is at ${entry.offset}, not at ${offset}`);
    out[at] = (entry.type === 'tree' ? 1 : 0) + (isCompressed ? COMPRESSED : 0);
    view.setUint32(at + 1, entry.length, true);
    if (isCompressed) view.setUint32(at + 5, entry.uncompressedLength, true);
    at += packHeaderEntrySize(entry);
    out.set(idToBytes(entry.id), at - ID_SIZE);
    offset += entry.length;
  }
  return out;
}

/**
 * Decodes a header's plaintext. `headerOffset`, where the sealed header starts in the pack, is compared
 * with the end of the last blob. Throws `PACK_CORRUPT`.
 */
export function decodePackHeader(plain: Uint8Array, headerOffset?: number): PackEntry[] {
  const view = new DataView(plain.buffer, plain.byteOffset, plain.length);
  const entries: PackEntry[] = [];
  let at = 0;
  let offset = 0;
  while (at < plain.length) {
    const typeByte = view.getUint8(at);
    if (typeByte > 3) throw corrupt(`unknown blob type ${typeByte}`);
    const isCompressed = typeByte >= COMPRESSED;
    const size = isCompressed ? COMPRESSED_ENTRY_SIZE : RAW_ENTRY_SIZE;
    if (at + size > plain.length) throw corrupt('the header ends within an entry');
    const length = view.getUint32(at + 1, true);
    const uncompressedLength = isCompressed ? view.getUint32(at + 5, true) : 0;
    if (isCompressed && uncompressedLength === 0) throw corrupt('a compressed blob of no bytes');
    checkSizes(length, uncompressedLength);
    const id = idFromBytes<BlobId>(plain, at + size - ID_SIZE);
    entries.push({ type: typeByte % COMPRESSED === 1 ? 'tree' : 'data', id, offset, length, uncompressedLength });
    at += size;
    offset += length;
    if (offset > U32_MAX) throw corrupt('the blobs reach beyond 4 GiB');
  }
  if (entries.length === 0) throw corrupt('the header is empty');
  if (headerOffset !== undefined && offset !== headerOffset) {
    throw corrupt(`the blobs end at ${offset}, the header starts at ${headerOffset}`);
  }
  return entries;
}

/**
 * Finds the sealed header from the last bytes of a pack (at least 4). `packSize` is the size of the whole
 * pack in bytes. Throws `PACK_CORRUPT` if the length cannot be true.
 */
export function decodePackTrailer(tail: Uint8Array, packSize: number): { headerOffset: number; headerLength: number } {
  if (tail.length < PACK_TRAILER || packSize < tail.length) throw corrupt('it is too short');
  const view = new DataView(tail.buffer, tail.byteOffset, tail.length);
  const headerLength = view.getUint32(tail.length - PACK_TRAILER, true);
  const headerOffset = packSize - PACK_TRAILER - headerLength;
  if (headerLength < RAW_ENTRY_SIZE + SEAL_SIZE || headerLength > MAX_HEADER_SIZE || headerOffset < 0) {
    throw corrupt(`a header of ${headerLength} bytes in a pack of ${packSize}`);
  }
  return { headerOffset, headerLength };
}

function checkSizes(length: number, uncompressedLength: number): void {
  if (length < SEAL_SIZE || length > U32_MAX || uncompressedLength > U32_MAX) {
    throw corrupt(`a blob of ${length} sealed and ${uncompressedLength} plain bytes`);
  }
}

function corrupt(what: string): CairnError {
  return new CairnError('PACK_CORRUPT', `the pack header is damaged: ${what}`);
}

/** Whether a pack with this header, plaintext of a valid one, holds a tree. */
export function holdsTrees(plain: Uint8Array): boolean {
  let at = 0;
  while (at < plain.length) {
    const type = plain[at] ?? 0;
    if ((type & TREE) !== 0) return true;
    at += type >= COMPRESSED ? COMPRESSED_ENTRY_SIZE : RAW_ENTRY_SIZE;
  }
  return false;
}
