import type { BlobIndex } from './blob-index.ts';

/** A set of record numbers of one index: a bit for each record. */
export class RecordSet {
  readonly #bits: Uint32Array;

  constructor(index: BlobIndex) {
    this.#bits = new Uint32Array(Math.ceil(index.size / 32));
  }

  /** The same records, with room for those of a larger index. */
  grown(index: BlobIndex): RecordSet {
    const larger = new RecordSet(index);
    larger.#bits.set(this.#bits);
    return larger;
  }

  has(record: number): boolean {
    return ((this.#bits[record >>> 5] ?? 0) & (1 << (record & 31))) !== 0;
  }

  /** Adds a record; whether it was new. */
  add(record: number): boolean {
    if (this.has(record)) return false;
    const word = record >>> 5;
    this.#bits[word] = (this.#bits[word] ?? 0) | (1 << (record & 31));
    return true;
  }

  /** Record numbers in the set, ascending. */
  *[Symbol.iterator](): Generator<number> {
    for (let word = 0; word < this.#bits.length; word++) {
      let bits = this.#bits[word] ?? 0;
      while (bits !== 0) {
        const bit = 31 - Math.clz32(bits & -bits);
        yield word * 32 + bit;
        bits &= bits - 1;
      }
    }
  }
}
