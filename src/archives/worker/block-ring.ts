// Blocks on their way from the main thread to whoever compresses them, and back in the same order. Memory is shared, and so
// is the place of the next block to compress: every thread takes one when it has nothing else to do, so that none waits
// for a block that was given to another.
//
//   control: 0 submitted   blocks given out so far
//            1 claimed     of those, how many somebody compresses or has compressed
//            2 + 2i        bytes to compress in the block of slot i
//            3 + 2i        bytes that became of them; 0 until they are there
//
// Block number n is in slot n mod slots. Counters count up to 2³¹ blocks, which is 2 PiB.
import { BLOCK_ROOM } from '../codec.ts';

const SUBMITTED = 0;
const CLAIMED = 1;
const SLOTS = 2;

export interface RingMemory {
  readonly control: Int32Array;
  /** `BLOCK_ROOM` each, for `BLOCK_BYTES` of the tar stream and then for what becomes of them. */
  readonly blocks: readonly Uint8Array[];
}

export interface ClaimedBlock {
  readonly number: number;
  readonly memory: Uint8Array;
  /** Bytes of `memory` to compress. */
  readonly size: number;
}

export function allocateRing(slots: number): RingMemory {
  return {
    control: new Int32Array(new SharedArrayBuffer((SLOTS + 2 * slots) * 4)),
    blocks: Array.from({ length: slots }, () => new Uint8Array(new SharedArrayBuffer(BLOCK_ROOM))),
  };
}

export class BlockRing {
  readonly #control: Int32Array;
  readonly #blocks: readonly Uint8Array[];

  constructor({ control, blocks }: RingMemory) {
    this.#control = control;
    this.#blocks = blocks;
  }

  get slots(): number {
    return this.#blocks.length;
  }

  memoryOf(number: number): Uint8Array {
    const memory = this.#blocks[number % this.slots];
    if (memory === undefined) throw new RangeError(`there is no block ${number}`);
    return memory;
  }

  /** Main thread: the block of the next number is filled, and the block that had its slot before is not needed any more. */
  submit(number: number, size: number): void {
    Atomics.store(this.#control, this.#sizeAt(number), size);
    Atomics.store(this.#control, this.#doneAt(number), 0);
    Atomics.store(this.#control, SUBMITTED, number + 1);
    Atomics.notify(this.#control, SUBMITTED, 1);
  }

  /** The first block that nobody compresses yet; it is the caller's now. */
  claim(): ClaimedBlock | undefined {
    for (;;) {
      const number = Atomics.load(this.#control, CLAIMED);
      if (number >= Atomics.load(this.#control, SUBMITTED)) return undefined;
      if (Atomics.compareExchange(this.#control, CLAIMED, number, number + 1) !== number) continue;
      return { number, memory: this.memoryOf(number), size: Atomics.load(this.#control, this.#sizeAt(number)) };
    }
  }

  /** Worker: as `claim`, once there is a block. */
  waitAndClaim(): ClaimedBlock {
    for (;;) {
      const submitted = Atomics.load(this.#control, SUBMITTED);
      const block = this.claim();
      if (block !== undefined) return block;
      Atomics.wait(this.#control, SUBMITTED, submitted);
    }
  }

  /** Its memory has what became of it now. */
  finish({ number }: ClaimedBlock, packedBytes: number): void {
    Atomics.store(this.#control, this.#doneAt(number), packedBytes);
    Atomics.notify(this.#control, this.#doneAt(number));
  }

  /** What became of a block that was submitted, or `undefined` while it is not there. */
  packed(number: number): Uint8Array | undefined {
    const size = Atomics.load(this.#control, this.#doneAt(number));
    return size === 0 ? undefined : this.memoryOf(number).subarray(0, size);
  }

  /** Main thread: until something became of a block, or `wake`. */
  async changed(number: number): Promise<void> {
    const waiting = Atomics.waitAsync(this.#control, this.#doneAt(number), 0);
    if (waiting.async) await waiting.value;
  }

  /** Ends what waits in `changed`. */
  wake(): void {
    for (let slot = 0; slot < this.slots; slot++) Atomics.notify(this.#control, this.#doneAt(slot));
  }

  #sizeAt(number: number): number {
    return SLOTS + 2 * (number % this.slots);
  }

  #doneAt(number: number): number {
    return this.#sizeAt(number) + 1;
  }
}
