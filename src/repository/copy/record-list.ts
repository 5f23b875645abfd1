const FIRST_ROOM = 64;

/** Record numbers of an index, 4 bytes each. */
export class RecordList {
  #records = new Uint32Array(FIRST_ROOM);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(record: number): void {
    if (this.#length === this.#records.length) {
      const larger = new Uint32Array(2 * this.#length);
      larger.set(this.#records);
      this.#records = larger;
    }
    this.#records[this.#length++] = record;
  }

  /** What was pushed, in an array that has no more room than it takes. */
  toArray(): Uint32Array {
    return this.#records.slice(0, this.#length);
  }
}
