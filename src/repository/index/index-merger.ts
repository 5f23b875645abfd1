import { ID_SIZE } from '../../base/ids.ts';
import type { BlobRun } from '../../formats/index-file/blob-runs.ts';
import type { IndexSink } from '../../formats/index-file/index-file.ts';
import { PACK_MASK, PACK_WORD, RECORD_WORDS, TREE_BIT } from '../../kernels/blob-record.ts';
import {
  BLOB_DATA,
  BLOB_TREE,
  BlobIndex,
  type BlobIndexCapacity,
  type BlobLocation,
  type BlobTypeBit,
} from './blob-index.ts';
import { PackNumbers } from './pack-numbers.ts';

const ID_WORDS = ID_SIZE / 4;

/** Puts the entries of several index files into one index that grows as needed. */
export class IndexMerger implements IndexSink {
  readonly #room: BlobIndexCapacity;
  readonly #packId = new Int32Array(ID_WORDS);
  readonly #packIdBytes = new Uint8Array(this.#packId.buffer);
  #index: BlobIndex;
  #packNumbers: PackNumbers;
  #packCapacity: number;
  #packNumber = -1;
  #isRepeated = false;
  #repeatedPacks = 0;
  /** Told the number of each pack of the file that is being added. */
  onPack: ((packNumber: number) => void) | undefined;

  /** `room` is kept free beyond what the index files hold. */
  constructor(expected: BlobIndexCapacity, room: BlobIndexCapacity) {
    this.#room = room;
    this.#packCapacity = expected.packs + room.packs;
    this.#index = BlobIndex.create({ blobs: expected.blobs + room.blobs, packs: this.#packCapacity });
    this.#packNumbers = new PackNumbers(this.#index);
  }

  /** Packs that came more than once, which is harmless but a sign of a lost race. */
  get repeatedPacks(): number {
    return this.#repeatedPacks;
  }

  pack(id: Uint8Array): void {
    this.#packIdBytes.set(id);
    this.#enterPack(this.#packId, 0);
  }

  blob(type: BlobTypeBit, id: Uint8Array, offset: number, length: number, uncompressedLength: number): void {
    const packNumber = this.#packNumber;
    if (this.#isRepeated && this.#hasEntry(type, id, { packNumber, offset, length, uncompressedLength })) return;
    this.#makeRoom(1, 0);
    this.#index.add(type, id, packNumber, offset, length, uncompressedLength);
  }

  run({ records, packs }: BlobRun): void {
    const numbers = [this.#packNumber];
    const areRepeated = [this.#isRepeated];
    for (let at = 0; at < packs.length; at += ID_WORDS) {
      this.#enterPack(packs, at);
      numbers.push(this.#packNumber);
      areRepeated.push(this.#isRepeated);
    }
    this.#makeRoom(records.length / RECORD_WORDS, 0);
    if (areRepeated.includes(true)) this.#addUnknown(records, numbers, areRepeated);
    else this.#index.addRecords(records, numbers);
  }

  finish(): BlobIndex {
    return this.#index;
  }

  /** The pack with this id is the one whose blobs follow. */
  #enterPack(ids: Int32Array, at: number): void {
    const known = this.#packNumbers.find(ids, at);
    this.#isRepeated = known >= 0;
    if (this.#isRepeated) this.#repeatedPacks++;
    this.#packNumber = known >= 0 ? known : this.#addPack(ids, at);
    this.onPack?.(this.#packNumber);
  }

  #addPack(ids: Int32Array, at: number): number {
    this.#makeRoom(0, 1);
    const number = this.#index.addPack(new Uint8Array(ids.buffer, ids.byteOffset + at * 4, ID_SIZE));
    this.#packNumbers.add(number);
    return number;
  }

  /** Makes sure that so many more entries fit. */
  #makeRoom(moreBlobs: number, morePacks: number): void {
    const blobs = this.#index.size + moreBlobs + this.#room.blobs;
    const packs = this.#index.packCount + morePacks + this.#room.packs;
    if (blobs <= this.#index.capacity && packs <= this.#packCapacity) return;
    // A quarter more than needed, so that much is not copied often.
    this.#packCapacity = Math.max(this.#packCapacity, Math.ceil(packs * 1.25));
    const capacity = Math.max(this.#index.capacity, Math.ceil(blobs * 1.25));
    this.#index = this.#index.grown({ blobs: capacity, packs: this.#packCapacity });
    this.#packNumbers = new PackNumbers(this.#index);
  }

  /** Adds records one after the other, without what the index has of packs that come again. */
  #addUnknown(records: Int32Array, numbers: readonly number[], areRepeated: readonly boolean[]): void {
    for (let at = 0; at < records.length; at += RECORD_WORDS) {
      const record = records.subarray(at, at + RECORD_WORDS);
      const [word = 0, offset = 0, length = 0, plain = 0] = record.subarray(PACK_WORD);
      const pack = word & PACK_MASK;
      const place = {
        packNumber: numbers[pack] ?? 0,
        offset: offset >>> 0,
        length: length >>> 0,
        uncompressedLength: plain >>> 0,
      };
      const id = new Uint8Array(record.buffer, record.byteOffset, ID_SIZE);
      const type = word & TREE_BIT ? BLOB_TREE : BLOB_DATA;
      if (areRepeated[pack] !== true || !this.#hasEntry(type, id, place)) this.#index.addRecords(record, numbers);
    }
  }

  #hasEntry(type: BlobTypeBit, id: Uint8Array, place: BlobLocation): boolean {
    return this.#index
      .locations(type, id)
      .some(
        (at) =>
          at.packNumber === place.packNumber &&
          at.offset === place.offset &&
          at.length === place.length &&
          at.uncompressedLength === place.uncompressedLength,
      );
  }
}
