import { ID_SIZE } from '../../base/ids.ts';
import type { BlobIndex } from './blob-index.ts';

const ID_WORDS = ID_SIZE / 4;
const FIRST_SLOTS = 1024;

/** Finds the packs of an index by their ids: open addressing, at most half full, with no string for a pack. */
export class PackNumbers {
  /** The ids of the index, by their numbers. */
  readonly #ids: Int32Array;
  /** 0 or the number of a pack + 1. */
  #slots: Int32Array = new Int32Array(FIRST_SLOTS);
  #count = 0;

  constructor(index: BlobIndex) {
    this.#ids = new Int32Array(index.memory.packs);
    for (let number = 0; number < index.packCount; number++) this.add(number);
  }

  /** The number of the pack whose id is the eight words of `ids` from `at` on, or -1. */
  find(ids: Int32Array, at: number): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    for (let slot = homeOf(ids, at, mask); ; slot = (slot + 1) & mask) {
      const number = (slots[slot] ?? 0) - 1;
      if (number < 0 || this.#hasId(number, ids, at)) return number;
    }
  }

  /** Enters a pack that the index has, and that `find` does not find yet. */
  add(number: number): void {
    if (++this.#count * 2 > this.#slots.length) this.#grow();
    this.#enter(number);
  }

  #hasId(number: number, ids: Int32Array, at: number): boolean {
    const own = number * ID_WORDS;
    for (let i = 0; i < ID_WORDS; i++) if (this.#ids[own + i] !== ids[at + i]) return false;
    return true;
  }

  #enter(number: number): void {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let slot = homeOf(this.#ids, number * ID_WORDS, mask);
    while (slots[slot] !== 0) slot = (slot + 1) & mask;
    slots[slot] = number + 1;
  }

  #grow(): void {
    const old = this.#slots;
    this.#slots = new Int32Array(old.length * 2);
    for (const value of old) if (value !== 0) this.#enter(value - 1);
  }
}

/** Ids are uniform, so any bits of them are a hash. */
function homeOf(ids: Int32Array, at: number, mask: number): number {
  return (ids[at] ?? 0) & mask;
}
