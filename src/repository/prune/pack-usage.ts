// What of each pack is needed, in typed arrays: nothing here is an object for a blob or a pack.
import { packHeaderEntrySize } from '../../formats/pack/pack-header.ts';
import { SEAL_OVERHEAD } from '../../kernels/codec.ts';
import { BLOB_TREE, type BlobIndex } from '../index/blob-index.ts';
import { RecordSet } from '../index/record-set.ts';

/** Sealed header without entries, and its length. */
const PACK_FIXED_SIZE = SEAL_OVERHEAD + 4;

export const PackType = { data: 1, tree: 2, mixed: 3 } as const;

/** Sizes are bytes of sealed blobs, without what headers take. */
export interface BlobCount {
  blobs: number;
  bytes: number;
}

export class PackUsage {
  readonly index: BlobIndex;
  /** First records of the blobs that are needed and have no copy in any pack that is there as the index says. */
  readonly lost: number[] = [];
  /** The copies to keep: exactly one of each needed blob. */
  readonly kept: RecordSet;
  readonly used: BlobCount = { blobs: 0, bytes: 0 };
  /** Copies beside the first one. */
  readonly duplicates: BlobCount = { blobs: 0, bytes: 0 };
  readonly unused: BlobCount = { blobs: 0, bytes: 0 };

  readonly #headerBytes: Float64Array;
  readonly #usedBytes: Float64Array;
  readonly #unusedBytes: Float64Array;
  readonly #usedBlobs: Uint32Array;
  readonly #unusedBlobs: Uint32Array;
  readonly #duplicateBlobs: Uint32Array;
  readonly #types: Uint8Array;
  readonly #isRaw: Uint8Array;
  /** Sizes of the files; -1 where there is none. */
  readonly #fileBytes: Float64Array;

  /**
   * `needed` has the first record of each blob that a snapshot needs, `fileBytes` the size of each pack's file, or -1.
   */
  constructor(index: BlobIndex, needed: RecordSet, fileBytes: Float64Array) {
    const packs = index.packCount;
    this.index = index;
    this.kept = new RecordSet(index);
    this.#headerBytes = new Float64Array(packs).fill(PACK_FIXED_SIZE);
    this.#usedBytes = new Float64Array(packs);
    this.#unusedBytes = new Float64Array(packs);
    this.#usedBlobs = new Uint32Array(packs);
    this.#unusedBlobs = new Uint32Array(packs);
    this.#duplicateBlobs = new Uint32Array(packs);
    this.#types = new Uint8Array(packs);
    this.#isRaw = new Uint8Array(packs);
    this.#fileBytes = fileBytes;
    this.#measure();
    const copies = this.#countCopies(needed);
    this.#sort(needed, copies);
    this.#choose(needed, copies);
    for (const record of needed) if (copies[record] === 0) this.lost.push(record);
  }

  get packCount(): number {
    return this.index.packCount;
  }

  /** The file is not there. */
  isMissing(pack: number): boolean {
    return at(this.#fileBytes, pack) < 0;
  }
  /** The file is there, as large as the blobs that the index lists need it to be. */
  isSound(pack: number): boolean {
    return at(this.#fileBytes, pack) === this.#expectedBytes(pack);
  }
  fileBytes(pack: number): number {
    return Math.max(0, at(this.#fileBytes, pack));
  }
  type(pack: number): number {
    return at(this.#types, pack);
  }
  /** It has a blob that is not compressed. */
  isRaw(pack: number): boolean {
    return at(this.#isRaw, pack) === 1;
  }
  usedBlobs(pack: number): number {
    return at(this.#usedBlobs, pack);
  }
  /** With the header, as restic counts. */
  usedBytes(pack: number): number {
    return at(this.#usedBytes, pack) + at(this.#headerBytes, pack);
  }
  unusedBlobs(pack: number): number {
    return at(this.#unusedBlobs, pack);
  }
  unusedBytes(pack: number): number {
    return at(this.#unusedBytes, pack);
  }

  #expectedBytes(pack: number): number {
    return this.usedBytes(pack) + this.unusedBytes(pack);
  }

  /** Sizes and types, with all blobs unused. */
  #measure(): void {
    this.#eachCopy((_, pack, length, isRaw, isTree) => {
      add(this.#headerBytes, pack, packHeaderEntrySize({ uncompressedLength: isRaw ? 0 : 1 }));
      add(this.#unusedBytes, pack, length);
      add(this.#unusedBlobs, pack, 1);
      this.#types[pack] = this.type(pack) | (isTree ? PackType.tree : PackType.data);
      if (isRaw && length > SEAL_OVERHEAD) this.#isRaw[pack] = 1;
    });
  }

  /** Copies in sound packs of each needed blob, by its first record; 255 stands for more. */
  #countCopies(needed: RecordSet): Uint8Array {
    const copies = new Uint8Array(this.index.size);
    this.#eachCopy((record, pack) => {
      const first = this.#first(record);
      const count = copies[first] ?? 0;
      if (needed.has(first) && this.isSound(pack) && count < 255) copies[first] = count + 1;
    });
    return copies;
  }

  /** What is needed and there once is kept where it is. */
  #sort(needed: RecordSet, copies: Uint8Array): void {
    this.#eachCopy((record, pack, length) => {
      const first = this.#first(record);
      const isNeeded = needed.has(first) && this.isSound(pack);
      if (!isNeeded) count(this.unused, length);
      else if (copies[first] === 1) {
        this.#keep(record, pack, length);
        count(this.used, length);
      } else {
        add(this.#duplicateBlobs, pack, 1);
        count(this.duplicates, length);
      }
    });
  }

  /**
   * Of several copies one is kept: one in a pack with other blobs that are kept, or in a pack that is made of copies
   * only, as a prune leaves them that was stopped; else the last one (restic's rule).
   */
  #choose(needed: RecordSet, copies: Uint8Array): void {
    if (this.duplicates.blobs === 0) return;
    const left = copies.slice();
    const isChosen = new RecordSet(this.index);
    this.#eachCopy((record, pack, length) => {
      const first = this.#first(record);
      if (!needed.has(first) || !this.isSound(pack) || (copies[first] ?? 0) < 2 || isChosen.has(first)) return;
      const isLast = (left[first] ?? 0) <= 1;
      const isAllCopies = at(this.#duplicateBlobs, pack) === this.unusedBlobs(pack);
      if (this.usedBlobs(pack) === 0 && !isAllCopies && !isLast) {
        left[first] = (left[first] ?? 0) - 1;
        return;
      }
      isChosen.add(first);
      this.#keep(record, pack, length);
      add(this.#duplicateBlobs, pack, -1);
      count(this.used, length);
      count(this.duplicates, -length);
    });
  }

  #keep(record: number, pack: number, length: number): void {
    this.kept.add(record);
    add(this.#usedBytes, pack, length);
    add(this.#usedBlobs, pack, 1);
    add(this.#unusedBytes, pack, -length);
    add(this.#unusedBlobs, pack, -1);
  }

  #first(record: number): number {
    return this.index.find(this.index.blobType(record), this.index.idBytes(record));
  }

  #eachCopy(visit: (record: number, pack: number, length: number, isRaw: boolean, isTree: boolean) => void): void {
    const { index } = this;
    for (let record = 0; record < index.size; record++) {
      const location = index.location(record);
      if (location === undefined) continue;
      const { packNumber, length, uncompressedLength } = location;
      visit(record, packNumber, length, uncompressedLength === 0, index.blobType(record) === BLOB_TREE);
    }
  }
}

function at(column: Float64Array | Uint32Array | Uint8Array, pack: number): number {
  return column[pack] ?? 0;
}

function add(column: Float64Array | Uint32Array, pack: number, value: number): void {
  column[pack] = at(column, pack) + value;
}

/** A negative length takes one away. */
function count(total: BlobCount, length: number): void {
  total.blobs += length < 0 ? -1 : 1;
  total.bytes += length;
}
