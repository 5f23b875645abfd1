import { type Clock, systemClock } from '../../base/clock.ts';
import { Semaphore } from '../../base/concurrency.ts';
import { partsOf, sizeOf } from '../object-range.ts';
import type {
  ObjectName,
  Pace,
  ReadOptions,
  Storage,
  StorageFeatures,
  StorageOptions,
  WriteOptions,
  WriteStreamOptions,
  WrittenStream,
} from '../storage.ts';
import { AroundLayer, type StorageCall } from './around-layer.ts';
import { Bandwidth } from './bandwidth.ts';

export interface LimitOptions {
  /** Operations running at once; the driver's own `connections` by default. */
  readonly connections?: number | undefined;
  /** A number, or what several storages share. */
  readonly uploadBytesPerSecond?: number | Bandwidth | undefined;
  readonly downloadBytesPerSecond?: number | Bandwidth | undefined;
  readonly clock?: Clock;
}

/**
 * Bounds the operations that run at once and the bytes per second, each way. A storage that is `paced` moves
 * objects piece by piece at that rate; of any other, each object is moved at full speed, and the next one waits
 * until the average is right again. What is tried again counts again.
 */
export function limited(inner: Storage, options: LimitOptions = {}): Storage {
  return new LimitLayer(inner, options);
}

class LimitLayer extends AroundLayer {
  readonly #connections: number;
  readonly #places: Semaphore;
  readonly #upload: Bandwidth | undefined;
  readonly #download: Bandwidth | undefined;

  constructor(inner: Storage, options: LimitOptions) {
    super(inner);
    const { connections = inner.features.connections, clock = systemClock } = options;
    this.#connections = Math.max(1, connections);
    this.#places = new Semaphore(this.#connections);
    this.#upload = bandwidth(options.uploadBytesPerSecond, clock);
    this.#download = bandwidth(options.downloadBytesPerSecond, clock);
  }

  /** Who reads or writes many objects at once goes by what may really run. */
  override get features(): StorageFeatures {
    const { features } = this.inner;
    return { ...features, connections: Math.min(features.connections, this.#connections) };
  }

  override async read(name: ObjectName, options: ReadOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
    const limit = this.#download;
    if (limit === undefined) return super.read(name, options);
    if (this.features.paced === true) return super.read(name, { ...options, pace: paceOf(limit, options) });
    await limit.take(options.length ?? 0, options.signal);
    const bytes = await super.read(name, options);
    if (options.length === undefined) limit.charge(bytes.length);
    return bytes;
  }

  override async write(
    name: ObjectName,
    data: Uint8Array | readonly Uint8Array[],
    options: WriteOptions = {},
  ): Promise<void> {
    const limit = this.#upload;
    if (limit === undefined) return super.write(name, data, options);
    if (this.features.paced === true) return super.write(name, data, { ...options, pace: paceOf(limit, options) });
    await limit.take(sizeOf(partsOf(data)), options.signal);
    await super.write(name, data, options);
  }

  override writeStream(
    name: ObjectName,
    chunks: AsyncIterable<Uint8Array>,
    options: WriteStreamOptions = {},
  ): Promise<WrittenStream> {
    const limit = this.#upload;
    if (limit === undefined) return super.writeStream(name, chunks, options);
    if (this.features.paced !== true) return super.writeStream(name, slowed(chunks, limit, options), options);
    return super.writeStream(name, chunks, { ...options, pace: paceOf(limit, options) });
  }

  /** A place for each step of a listing only: whoever reads objects while it lists must not wait for itself. */
  protected override async around<T>(_: StorageCall, { signal }: StorageOptions, run: () => Promise<T>): Promise<T> {
    using _place = await this.#places.acquire(signal);
    return await run();
  }
}

function bandwidth(bytesPerSecond: number | Bandwidth | undefined, clock: Clock): Bandwidth | undefined {
  if (bytesPerSecond instanceof Bandwidth) return bytesPerSecond;
  return bytesPerSecond === undefined ? undefined : new Bandwidth(bytesPerSecond, clock);
}

/** Chunks at the rate of `limit`. */
async function* slowed(
  chunks: AsyncIterable<Uint8Array>,
  limit: Bandwidth,
  { signal }: StorageOptions,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    await limit.take(chunk.length, signal);
    yield chunk;
  }
}

/** Paces one object; a limit further out, which gave its own pace, is kept as well. */
function paceOf(limit: Bandwidth, { pace, signal }: ReadOptions | WriteOptions): Pace {
  return async (bytes) => {
    await pace?.(bytes);
    await limit.take(bytes, signal);
  };
}
