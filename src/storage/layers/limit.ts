import { type Clock, systemClock } from '../../base/clock.ts';
import { Semaphore } from '../../base/concurrency.ts';
import { partsOf, sizeOf } from '../object-range.ts';
import { removeInBatches } from '../remove-each.ts';
import type { ObjectInfo, ObjectName, ReadOptions, Storage, StorageOptions, WriteOptions } from '../storage.ts';
import { StorageLayer } from './storage-layer.ts';

export interface LimitOptions {
  /** Operations running at once; the driver's own `connections` by default. */
  readonly connections?: number;
  readonly uploadBytesPerSecond?: number | undefined;
  readonly downloadBytesPerSecond?: number | undefined;
  readonly clock?: Clock;
}

/**
 * Bounds the operations that run at once and, on average, the bytes per second. Whole objects are the
 * unit: each is moved at full speed, and the next one waits until the average is right again.
 */
export function limited(inner: Storage, options: LimitOptions = {}): Storage {
  return new LimitLayer(inner, options);
}

class LimitLayer extends StorageLayer {
  readonly #places: Semaphore;
  readonly #upload: Bandwidth | undefined;
  readonly #download: Bandwidth | undefined;

  constructor(inner: Storage, options: LimitOptions) {
    super(inner);
    const { connections = inner.features.connections, clock = systemClock } = options;
    this.#places = new Semaphore(Math.max(1, connections));
    this.#upload = bandwidth(options.uploadBytesPerSecond, clock);
    this.#download = bandwidth(options.downloadBytesPerSecond, clock);
  }

  override create(options: StorageOptions = {}): Promise<void> {
    return this.#inPlace(options, () => this.inner.create(options));
  }

  override async *list(prefix: string, options: StorageOptions = {}): AsyncGenerator<ObjectInfo> {
    const iterator = this.inner.list(prefix, options)[Symbol.asyncIterator]();
    let ended = false;
    try {
      for (;;) {
        // A place for each step only: whoever reads objects while it lists must not wait for itself.
        const step = await this.#inPlace(options, () => iterator.next());
        ended = step.done === true;
        if (step.done === true) return;
        yield step.value;
      }
    } finally {
      if (!ended) await iterator.return?.();
    }
  }

  override stat(name: ObjectName, options: StorageOptions = {}): Promise<ObjectInfo | undefined> {
    return this.#inPlace(options, () => this.inner.stat(name, options));
  }

  override async read(name: ObjectName, options: ReadOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
    await this.#download?.take(options.length ?? 0, options.signal);
    const bytes = await this.#inPlace(options, () => this.inner.read(name, options));
    if (options.length === undefined) this.#download?.charge(bytes.length);
    return bytes;
  }

  override async write(
    name: ObjectName,
    data: Uint8Array | readonly Uint8Array[],
    options: WriteOptions = {},
  ): Promise<void> {
    await this.#upload?.take(sizeOf(partsOf(data)), options.signal);
    await this.#inPlace(options, () => this.inner.write(name, data, options));
  }

  override remove(name: ObjectName, options: StorageOptions = {}): Promise<void> {
    return this.#inPlace(options, () => this.inner.remove(name, options));
  }

  override removeMany(names: readonly ObjectName[], options: StorageOptions = {}): Promise<void> {
    return removeInBatches(this, names, options, (batch) =>
      this.#inPlace(options, () => this.inner.removeMany(batch, options)),
    );
  }

  async #inPlace<T>({ signal }: StorageOptions, run: () => Promise<T>): Promise<T> {
    using _place = await this.#places.acquire(signal);
    return await run();
  }
}

function bandwidth(bytesPerSecond: number | undefined, clock: Clock): Bandwidth | undefined {
  return bytesPerSecond === undefined ? undefined : new Bandwidth(bytesPerSecond, clock);
}

/** A token bucket that may be overdrawn by one object: the next taker waits until the debt is paid. */
class Bandwidth {
  readonly #bytesPerSecond: number;
  readonly #clock: Clock;
  /** When all bytes taken so far would have passed at the allowed rate. */
  #paidAtNs: bigint;

  constructor(bytesPerSecond: number, clock: Clock) {
    this.#bytesPerSecond = Math.max(1, bytesPerSecond);
    this.#clock = clock;
    this.#paidAtNs = clock.nowNs();
  }

  /** Waits for earlier bytes to be paid, then takes `bytes`. */
  async take(bytes: number, signal: AbortSignal | undefined): Promise<void> {
    const waitNs = this.#paidAtNs - this.#clock.nowNs();
    this.charge(bytes);
    if (waitNs > 0n) await this.#clock.sleep(Number(waitNs) / 1e6, signal);
  }

  /** Takes `bytes` that have passed already. */
  charge(bytes: number): void {
    const now = this.#clock.nowNs();
    const start = this.#paidAtNs > now ? this.#paidAtNs : now;
    this.#paidAtNs = start + BigInt(Math.ceil((bytes / this.#bytesPerSecond) * 1e9));
  }
}
