import { orAbort } from '../../base/or-abort.ts';

const MIB = 1024 * 1024;
/** Parts of a size may differ from those before after so many. */
const STEP = 250;
/** With it, and the smallest parts, 10,000 parts hold a little more than S3's largest object, 5 TiB. */
const GROWTH = 17;
/** Memory for all parts together, while two of them fit into it. */
const LEAST_BUDGET = 16 * MIB;

/**
 * Size of part `index` (from 0) of an object whose size nobody knows. S3 takes at most 10,000 parts, so they have to
 * grow; they do with the square of their number, because most objects are small and parts are kept in memory: 8 MiB up
 * to 2 GB, 25 MiB at 13 GB, 100 MiB at 100 GB, 1.7 GiB at 5 TiB.
 */
export function streamPartBytes(index: number, firstBytes: number = 8 * MIB): number {
  const step = Math.floor(index / STEP) * STEP;
  return firstBytes + Math.floor((GROWTH * step * step) / 1e6) * MIB;
}

/**
 * Memory of the parts of a stream that are gathered and sent. It is used again, and bounded: by 16 MiB, or by two parts
 * where those are larger.
 */
export class PartMemory {
  readonly #signal: AbortSignal;
  #free: Uint8Array[] = [];
  #heldBytes = 0;
  #released = Promise.withResolvers<void>();

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  /** Memory of so many bytes, once there is room for it. */
  async take(bytes: number): Promise<Uint8Array> {
    const budget = Math.max(LEAST_BUDGET, 2 * bytes);
    while (this.#heldBytes > 0 && this.#heldBytes + bytes > budget) await orAbort(this.#released.promise, this.#signal);
    this.#heldBytes += bytes;
    // Smaller ones are not wanted any more: parts grow only.
    if (this.#free.some(({ length }) => length !== bytes)) this.#free = [];
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(bytes);
  }

  /** Takes back what `take` gave, or the part of it that was filled. */
  release(filled: Uint8Array): void {
    const whole = new Uint8Array(filled.buffer);
    this.#heldBytes -= whole.length;
    this.#free.push(whole);
    this.#released.resolve();
    this.#released = Promise.withResolvers();
  }
}
