// Carries a stream from the main thread to a worker that reads it synchronously: a few slots of shared
// memory, used in turn. State of a slot: 0 = empty, n > 0 = n bytes, -1 = the stream ended, -2 = it failed.
import { CairnError } from '../../base/errors.ts';

const SLOTS = 4;
const SLOT_BYTES = 1024 * 1024;
const EMPTY = 0;
const ENDED = -1;
const FAILED = -2;

export interface StreamRing {
  readonly states: SharedArrayBuffer;
  readonly data: SharedArrayBuffer;
}

export function createStreamRing(): StreamRing {
  return { states: new SharedArrayBuffer(SLOTS * 4), data: new SharedArrayBuffer(SLOTS * SLOT_BYTES) };
}

/** Main thread: writes the stream into the ring, waiting for the reader without blocking. */
export class StreamRingWriter {
  readonly #states: Int32Array;
  readonly #data: Uint8Array;
  #slot = 0;
  #filled = 0;
  #readerFailure: { readonly error: unknown } | undefined;

  constructor(ring: StreamRing) {
    this.#states = new Int32Array(ring.states);
    this.#data = new Uint8Array(ring.data);
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      if (this.#filled === 0) await this.#untilEmpty();
      const count = Math.min(bytes.length - at, SLOT_BYTES - this.#filled);
      this.#data.set(bytes.subarray(at, at + count), this.#slot * SLOT_BYTES + this.#filled);
      this.#filled += count;
      at += count;
      if (this.#filled === SLOT_BYTES) this.#handOver(this.#filled);
    }
  }

  /** The stream ended well. */
  async end(): Promise<void> {
    if (this.#filled > 0) this.#handOver(this.#filled);
    await this.#untilEmpty();
    this.#handOver(ENDED);
  }

  /** The stream broke: the reader gives up as soon as it gets here. */
  async fail(): Promise<void> {
    await this.#untilEmpty();
    this.#handOver(FAILED);
  }

  /** Nobody reads any more: whoever waits for room, now or later, gets this error. */
  giveUp(error: unknown): void {
    this.#readerFailure ??= { error };
    Atomics.notify(this.#states, this.#slot);
  }

  #handOver(state: number): void {
    Atomics.store(this.#states, this.#slot, state);
    Atomics.notify(this.#states, this.#slot);
    this.#slot = (this.#slot + 1) % SLOTS;
    this.#filled = 0;
  }

  async #untilEmpty(): Promise<void> {
    for (;;) {
      if (this.#readerFailure !== undefined) throw this.#readerFailure.error;
      const state = Atomics.load(this.#states, this.#slot);
      if (state === EMPTY) return;
      const waiting = Atomics.waitAsync(this.#states, this.#slot, state);
      if (waiting.async) await waiting.value;
    }
  }
}

/** Worker: reads the ring, blocking. */
export class StreamRingReader {
  readonly #states: Int32Array;
  readonly #data: Uint8Array;
  readonly #throwIfAborted: () => void;
  #slot = 0;
  #taken = 0;

  constructor(ring: StreamRing, throwIfAborted: () => void) {
    this.#states = new Int32Array(ring.states);
    this.#data = new Uint8Array(ring.data);
    this.#throwIfAborted = throwIfAborted;
  }

  /** Copies up to `target.length` bytes; 0 at the end of the stream. Throws `ABORTED` if the stream broke. */
  read(target: Uint8Array): number {
    const state = this.#untilFilled();
    if (state === ENDED) return 0;
    if (state === FAILED) throw new CairnError('ABORTED', 'the stream broke');
    const count = Math.min(target.length, state - this.#taken);
    const from = this.#slot * SLOT_BYTES + this.#taken;
    target.set(this.#data.subarray(from, from + count));
    this.#taken += count;
    if (this.#taken === state) this.#release();
    return count;
  }

  #untilFilled(): number {
    for (;;) {
      const state = Atomics.load(this.#states, this.#slot);
      if (state !== EMPTY) return state;
      this.#throwIfAborted();
      Atomics.wait(this.#states, this.#slot, EMPTY, 1000);
    }
  }

  #release(): void {
    Atomics.store(this.#states, this.#slot, EMPTY);
    Atomics.notify(this.#states, this.#slot);
    this.#slot = (this.#slot + 1) % SLOTS;
    this.#taken = 0;
  }
}
