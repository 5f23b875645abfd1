// Growable columns of numbers: a plan of a million files is a few typed arrays, not a million objects. A class for each
// kind of array, and not one for both: what meets two kinds of arrays is compiled for neither.

const FIRST_CAPACITY = 1024;

/** A growable column of integers from 0 to 2^32 - 1. */
export class Uint32Column {
  #values = new Uint32Array(FIRST_CAPACITY);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Appends a value and returns its position. */
  push(value: number): number {
    if (this.#length === this.#values.length) {
      const larger = new Uint32Array(this.#values.length * 2);
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values[this.#length] = value;
    return this.#length++;
  }

  at(position: number): number {
    return this.#values[position] ?? 0;
  }

  set(position: number, value: number): void {
    this.#values[position] = value;
  }

  /** What was pushed, in an array that has no more room than it takes. */
  toArray(): Uint32Array {
    return this.#values.slice(0, this.#length);
  }
}

/** A growable column of doubles. */
export class Float64Column {
  #values = new Float64Array(FIRST_CAPACITY);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Appends a value and returns its position. */
  push(value: number): number {
    if (this.#length === this.#values.length) {
      const larger = new Float64Array(this.#values.length * 2);
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values[this.#length] = value;
    return this.#length++;
  }

  at(position: number): number {
    return this.#values[position] ?? 0;
  }

  set(position: number, value: number): void {
    this.#values[position] = value;
  }
}

/** The values of a column. */
export function* columnValues(column: Float64Column): Generator<number> {
  for (let at = 0; at < column.length; at++) yield column.at(at);
}
