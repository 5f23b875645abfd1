import { CairnError } from '../../base/errors.ts';
import { CONTROL_ABORT, CONTROL_FREED, CONTROL_SLOTS, SLOT_BUSY, SLOT_FREE } from './messages.ts';

/**
 * The buffers in which a worker builds its packs. A slot is taken by the worker, filled, handed to the
 * main thread, and freed by it once the pack is stored; with none free the worker sleeps, which is the
 * backpressure of the whole pipeline.
 */
export class PackSlots {
  readonly #buffers: readonly Uint8Array[];
  readonly #control: Int32Array;

  constructor(slots: readonly SharedArrayBuffer[], control: SharedArrayBuffer) {
    this.#buffers = slots.map((slot) => new Uint8Array(slot));
    this.#control = new Int32Array(control);
  }

  buffer(slot: number): Uint8Array {
    const buffer = this.#buffers[slot];
    if (buffer === undefined) throw new RangeError(`there is no slot ${slot}`);
    return buffer;
  }

  /** Takes a free slot; blocks the thread until there is one. Throws `ABORTED` when the run is stopped. */
  take(): number {
    for (;;) {
      const freed = Atomics.load(this.#control, CONTROL_FREED);
      this.throwIfAborted();
      for (let slot = 0; slot < this.#buffers.length; slot++) {
        if (Atomics.compareExchange(this.#control, CONTROL_SLOTS + slot, SLOT_FREE, SLOT_BUSY) === SLOT_FREE)
          return slot;
      }
      Atomics.wait(this.#control, CONTROL_FREED, freed, 1000);
    }
  }

  throwIfAborted(): void {
    if (Atomics.load(this.#control, CONTROL_ABORT) !== 0) throw new CairnError('ABORTED', 'stopped on request');
  }
}

/** Main thread: gives a slot back. */
export function freeSlot(control: Int32Array, slot: number): void {
  Atomics.store(control, CONTROL_SLOTS + slot, SLOT_FREE);
  Atomics.add(control, CONTROL_FREED, 1);
  Atomics.notify(control, CONTROL_FREED);
}

/** Main thread: asks the worker to stop at the next file or chunk. */
export function requestAbort(control: Int32Array): void {
  Atomics.store(control, CONTROL_ABORT, 1);
  Atomics.add(control, CONTROL_FREED, 1);
  Atomics.notify(control, CONTROL_FREED);
}
