import { idFromBytes, type PackId } from '../../base/ids.ts';
import type { IndexSink } from '../../formats/index-file/index-file.ts';
import { BlobIndex, type BlobIndexCapacity, type BlobTypeBit } from './blob-index.ts';

/** Puts the entries of several index files into one index that grows as needed. */
export class IndexMerger implements IndexSink {
  readonly #room: BlobIndexCapacity;
  readonly #packNumbers = new Map<PackId, number>();
  #index: BlobIndex;
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
  }

  /** Packs that came more than once, which is harmless but a sign of a lost race. */
  get repeatedPacks(): number {
    return this.#repeatedPacks;
  }

  /** Makes sure that so many more entries fit. */
  reserve(more: BlobIndexCapacity): void {
    const blobs = this.#index.size + more.blobs + this.#room.blobs;
    const packs = this.#index.packCount + more.packs + this.#room.packs;
    if (blobs <= this.#index.capacity && packs <= this.#packCapacity) return;
    // A quarter more than needed, so that many small index files do not copy everything each time.
    this.#packCapacity = Math.max(this.#packCapacity, Math.ceil(packs * 1.25));
    const capacity = Math.max(this.#index.capacity, Math.ceil(blobs * 1.25));
    this.#index = this.#index.grown({ blobs: capacity, packs: this.#packCapacity });
  }

  pack(id: Uint8Array): void {
    const text = idFromBytes<PackId>(id);
    const known = this.#packNumbers.get(text);
    this.#isRepeated = known !== undefined;
    if (this.#isRepeated) this.#repeatedPacks++;
    this.#packNumber = known ?? this.#index.addPack(id);
    this.#packNumbers.set(text, this.#packNumber);
    this.onPack?.(this.#packNumber);
  }

  blob(type: BlobTypeBit, id: Uint8Array, offset: number, length: number, uncompressedLength: number): void {
    if (this.#isRepeated && this.#hasEntry(type, id, offset, length, uncompressedLength)) return;
    this.#index.add(type, id, this.#packNumber, offset, length, uncompressedLength);
  }

  finish(): BlobIndex {
    this.#packNumbers.clear();
    return this.#index;
  }

  #hasEntry(type: BlobTypeBit, id: Uint8Array, offset: number, length: number, uncompressedLength: number): boolean {
    return this.#index
      .locations(type, id)
      .some(
        (at) =>
          at.packNumber === this.#packNumber &&
          at.offset === offset &&
          at.length === length &&
          at.uncompressedLength === uncompressedLength,
      );
  }
}
