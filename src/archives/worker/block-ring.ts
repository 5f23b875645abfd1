// Blocks on their way from the main thread to the threads that compress them, and back in the same order. The memory is
// shared, and so is the number of the next block to compress: a thread that is idle takes the next one, so none waits
// for a block that another was given.
//
//   control: 0 submitted   blocks filled so far
//            1 claimed     how many of them a thread has taken
//            2 + 2i        bytes to compress in the block of slot i
//            3 + 2i        their compressed size; 0 until it is known
//
// Block number n is in slot n mod slots. Counters count up to 2³¹ blocks, which is 2 PiB.
import { BLOCK_ROOM } from '../codec.ts';

const SUBMITTED = 0;
const CLAIMED = 1;
const SLOTS = 2;

export interface RingMemory {
  readonly control: Int32Array;
  /** `BLOCK_ROOM` each: `BLOCK_BYTES` of the tar stream, then the same compressed. */
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

  /** Takes the first block that no thread has taken. */
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

  /** The compressed block is in its memory. */
  finish({ number }: ClaimedBlock, packedBytes: number): void {
    Atomics.store(this.#control, this.#doneAt(number), packedBytes);
    Atomics.notify(this.#control, this.#doneAt(number));
  }

  /** A submitted block, compressed; `undefined` until it is. */
  packed(number: number): Uint8Array | undefined {
    const size = Atomics.load(this.#control, this.#doneAt(number));
    return size === 0 ? undefined : this.memoryOf(number).subarray(0, size);
  }

  /** Main thread: waits until a block is compressed, or for `wake`. */
  async changed(number: number): Promise<void> {
    const waiting = Atomics.waitAsync(this.#control, this.#doneAt(number), 0);
    if (waiting.async) await waiting.value;
  }

  /** Ends the wait in `changed`. */
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
