import { orAbort } from '../../base/or-abort.ts';

const MIB = 1024 * 1024;
/** Parts of a size may differ from those before after so many. */
const STEP = 250;
/** So many are of the first size, 8 GB in parts of 8 MiB: larger ones take more memory, and most streams end before. */
const EVEN_PARTS = 1000;
/** With it, and the smallest parts, 10,000 parts hold a little more than 5 TiB. */
const GROWTH = 21;
/** Memory for all parts together, while two of them fit into it. */
const LEAST_BUDGET = 16 * MIB;

/**
 * Size of part `index` (from 0) of an object whose size nobody knows. S3 takes at most 10,000 parts, so they have to
 * grow; they do with the square of their number, because most objects are small and parts are kept in memory: 8 MiB up
 * to 8 GB, 13 MiB at 13 GB, 114 MiB at 100 GB, 1.7 GiB at 5 TiB.
 */
export function streamPartBytes(index: number, firstBytes: number = 8 * MIB): number {
  const step = Math.max(0, Math.floor(index / STEP) * STEP - (EVEN_PARTS - STEP));
  return firstBytes + Math.floor((GROWTH * step * step) / 1e6) * MIB;
}

/**
 * Memory of the parts of a stream that are gathered and sent. It is used again, and bounded: by 16 MiB, or by two parts
 * where those are larger.
 */
export class PartMemory {
  readonly #signal: AbortSignal;
  #free: ArrayBuffer[] = [];
  #heldBytes = 0;
  #released = Promise.withResolvers<void>();

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  /** Memory of so many bytes, once there is room for it. */
  async take(bytes: number): Promise<Uint8Array<ArrayBuffer>> {
    const capacity = capacityFor(bytes);
    const budget = Math.max(LEAST_BUDGET, 2 * capacity);
    while (this.#heldBytes > 0 && this.#heldBytes + capacity > budget)
      await orAbort(this.#released.promise, this.#signal);
    this.#heldBytes += capacity;
    // Smaller ones are not wanted any more: parts grow only. Detached, their memory is free at once, not when V8 looks.
    for (const buffer of this.#free) if (buffer.byteLength !== capacity) buffer.transfer(0);
    this.#free = this.#free.filter(({ byteLength }) => byteLength === capacity);
    return new Uint8Array(this.#free.pop() ?? Buffer.allocUnsafeSlow(capacity).buffer, 0, bytes);
  }

  /** Takes back what `take` gave, or the part of it that was filled. */
  release({ buffer }: Uint8Array): void {
    this.#heldBytes -= buffer.byteLength;
    if (buffer instanceof ArrayBuffer) this.#free.push(buffer);
    this.#released.resolve();
    this.#released = Promise.withResolvers();
  }
}

/** A power of two, or one and a half of it: parts grow often, and memory that is let go stays taken for a while. */
function capacityFor(bytes: number): number {
  const power = 2 ** Math.ceil(Math.log2(Math.max(1, bytes)));
  return power * 0.75 >= bytes ? power * 0.75 : power;
}
