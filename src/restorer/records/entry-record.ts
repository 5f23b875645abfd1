// One entry of a tree as a flat record: what crosses the threads and what a plan keeps per file,
// instead of an object. Little-endian; `size` is a multiple of 8.
//
//   0 |  4 | size          bytes of the whole record
//   4 |  1 | kind          see EntryKind
//   5 |  1 | flags         bit 0: it has extended attributes; bit 1: it replaces what has its name in the target
//   6 |  2 | name length
//   8 |  4 | mode          permission bits with setuid, setgid, sticky (07777)
//  12 |  4 | uid
//  16 |  4 | gid
//  20 |  4 | blobs         number of content blobs
//  24 |  8 | mtime         nanoseconds since the epoch, clamped to 64 bits
//  32 |  8 | atime         the same
//  40 |  4 | directory     number of the directory in the plan
//  44 |  4 | extra length  bytes of the extra part
//  48 |  4 | links         recorded link count, clamped
//  52 |  8 | content size  bytes, as recorded
//  60 |  - | blobs         4 bytes each: record number in the blob index, MISSING_BLOB if it lists none
//          | name          raw bytes
//          | extra         file with links > 1: inode, device id (8 each); dir: subtree id (32);
//                          symlink: target; device: rdev (8)
//          | xattrs        to the end: name length (2), value length (4), name, value; name length 0 ends
import { bytesKey } from '../../base/bytes.ts';
import { ID_SIZE, idFromBytes, type BlobId } from '../../base/ids.ts';
import type { Xattr } from '../../base/posix/posix.ts';

export const EntryKind = {
  file: 1,
  directory: 2,
  symlink: 3,
  blockDevice: 4,
  charDevice: 5,
  fifo: 6,
  socket: 7,
  irregular: 8,
} as const;

export const MISSING_BLOB = 0xffffffff;
export const RECORD_HEADER = 60;
export const FLAG_XATTRS = 1;
const FLAG_REPLACES = 2;

/** Reads records in one buffer. Point it at a record with `at`; the getters then tell about that one. */
export class RecordReader {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  offset = 0;

  constructor(bytes: Uint8Array, view: DataView = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)) {
    this.bytes = bytes;
    this.#view = view;
  }

  at(offset: number): this {
    this.offset = offset;
    return this;
  }

  /** A reader of its own over the same bytes. */
  clone(): RecordReader {
    return new RecordReader(this.bytes, this.#view).at(this.offset);
  }

  get size(): number {
    return this.#view.getUint32(this.offset, true);
  }
  get kind(): number {
    return this.#view.getUint8(this.offset + 4);
  }
  get hasXattrs(): boolean {
    return (this.#view.getUint8(this.offset + 5) & FLAG_XATTRS) !== 0;
  }
  /** What has this name in the target now is to be removed first. */
  get replaces(): boolean {
    return (this.#view.getUint8(this.offset + 5) & FLAG_REPLACES) !== 0;
  }
  set replaces(value: boolean) {
    const others = this.#view.getUint8(this.offset + 5) & ~FLAG_REPLACES;
    this.#view.setUint8(this.offset + 5, others | (value ? FLAG_REPLACES : 0));
  }
  get mode(): number {
    return this.#view.getUint32(this.offset + 8, true);
  }
  get uid(): number {
    return this.#view.getUint32(this.offset + 12, true);
  }
  get gid(): number {
    return this.#view.getUint32(this.offset + 16, true);
  }
  get blobCount(): number {
    return this.#view.getUint32(this.offset + 20, true);
  }
  get mtimeNs(): bigint {
    return this.#view.getBigInt64(this.offset + 24, true);
  }
  get atimeNs(): bigint {
    return this.#view.getBigInt64(this.offset + 32, true);
  }
  get directory(): number {
    return this.#view.getUint32(this.offset + 40, true);
  }
  set directory(value: number) {
    this.#view.setUint32(this.offset + 40, value, true);
  }
  get links(): number {
    return this.#view.getUint32(this.offset + 48, true);
  }
  get contentSize(): bigint {
    return this.#view.getBigInt64(this.offset + 52, true);
  }
  /** Record number in the blob index of one content blob. */
  blob(position: number): number {
    return this.#view.getUint32(this.offset + RECORD_HEADER + position * 4, true);
  }
  /** The name, as a view on the record. */
  get name(): Uint8Array {
    const start = this.offset + RECORD_HEADER + this.blobCount * 4;
    return this.bytes.subarray(start, start + this.#view.getUint16(this.offset + 6, true));
  }
  get linkTarget(): Uint8Array {
    return this.#extra();
  }
  get subtree(): BlobId {
    return idFromBytes<BlobId>(this.#extra());
  }
  get subtreeBytes(): Uint8Array {
    return this.#extra().subarray(0, ID_SIZE);
  }
  get rdev(): bigint {
    return this.#view.getBigUint64(this.#extraStart(), true);
  }
  /** Names an inode across the snapshot; only for files with more than one link. */
  get identity(): string {
    return bytesKey(this.#extra());
  }

  /** Extended attributes; `null` values come as empty ones, which is what a file system can hold. */
  get xattrs(): Xattr[] {
    const found: Xattr[] = [];
    if (!this.hasXattrs) return found;
    let at = this.#extraStart() + this.#view.getUint32(this.offset + 44, true);
    for (;;) {
      const nameLength = this.#view.getUint16(at, true);
      if (nameLength === 0) return found;
      const valueLength = this.#view.getUint32(at + 2, true);
      const name = this.bytes.subarray(at + 6, at + 6 + nameLength);
      at += 6 + nameLength;
      found.push({ name, value: this.bytes.subarray(at, at + valueLength) });
      at += valueLength;
    }
  }

  /** A copy of this record alone. */
  slice(): Uint8Array {
    return this.bytes.slice(this.offset, this.offset + this.size);
  }

  #extraStart(): number {
    return this.offset + RECORD_HEADER + this.blobCount * 4 + this.#view.getUint16(this.offset + 6, true);
  }

  #extra(): Uint8Array {
    const start = this.#extraStart();
    return this.bytes.subarray(start, start + this.#view.getUint32(this.offset + 44, true));
  }
}
