import { hash } from 'node:crypto';
import type { ObjectName } from '../storage.ts';

const FIRST_SLOTS = 1024;

/**
 * Names that a listing has given, 64 bits of the hash of each: a set of the names themselves takes five times the memory,
 * and a vault may have millions. The chance that two names of a million look the same is one in thirty million, and it
 * matters in a listing only that fails in the middle.
 */
export class SeenNames {
  /** Two numbers a slot; a slot of zeros is free. */
  #slots: Uint32Array<ArrayBuffer> = new Uint32Array(2 * FIRST_SLOTS);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(name: ObjectName): void {
    if (4 * (this.#size + 1) > this.#slots.length) this.#grow();
    const [low, high] = digest(name);
    const at = find(this.#slots, low, high);
    if (this.#slots[at] !== 0 || this.#slots[at + 1] !== 0) return;
    this.#slots[at] = low;
    this.#slots[at + 1] = high;
    this.#size++;
  }

  has(name: ObjectName): boolean {
    const [low, high] = digest(name);
    const at = find(this.#slots, low, high);
    return this.#slots[at] !== 0 || this.#slots[at + 1] !== 0;
  }

  /** Half of the slots stay free. */
  #grow(): void {
    const old = this.#slots;
    this.#slots = new Uint32Array(2 * old.length);
    for (let slot = 0; slot < old.length; slot += 2) {
      const [low = 0, high = 0] = old.subarray(slot, slot + 2);
      if (low === 0 && high === 0) continue;
      const at = find(this.#slots, low, high);
      this.#slots[at] = low;
      this.#slots[at + 1] = high;
    }
  }
}

/** Where a digest is, or the free slot where it belongs. */
function find(slots: Uint32Array, low: number, high: number): number {
  let at = (low * 2) & (slots.length - 1);
  while (slots[at] !== low || slots[at + 1] !== high) {
    if (slots[at] === 0 && slots[at + 1] === 0) return at;
    at = (at + 2) & (slots.length - 1);
  }
  return at;
}

function digest(name: ObjectName): readonly [low: number, high: number] {
  const bytes = hash('sha256', name, 'buffer');
  const low = bytes.readUInt32LE(0);
  const high = bytes.readUInt32LE(4);
  return low === 0 && high === 0 ? [1, 0] : [low, high];
}
