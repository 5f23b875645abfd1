import { orAbort } from '../base/or-abort.ts';
import type { WrittenStream } from './storage.ts';

/**
 * The chunks of a stream on their way into a storage: counts them, gives up waiting for one when `signal` aborts, and
 * remembers whether it was the stream that failed, which is for its owner to explain and nothing a storage may translate.
 */
export class ChunkSource implements AsyncIterable<Uint8Array> {
  sizeBytes = 0;
  /** A chunk has been asked for: the stream cannot be stored from its start again. */
  isStarted = false;
  #isOver = false;
  #failure: { readonly error: unknown } | undefined;
  readonly #chunks: AsyncIterable<Uint8Array>;
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;

  constructor(chunks: AsyncIterable<Uint8Array>, signal: AbortSignal | undefined) {
    this.#chunks = chunks;
    this.#signal = signal === undefined ? this.#stop.signal : AbortSignal.any([signal, this.#stop.signal]);
  }

  get hasFailed(): boolean {
    return this.#failure !== undefined;
  }

  /** Throws the error of the stream itself, if it has failed. */
  throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** No chunk is waited for any more: whoever waits for one gets `reason`. */
  stop(reason: unknown): void {
    this.#stop.abort(reason);
  }

  /** Once only. Chunks without bytes are left out. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    this.isStarted = true;
    const iterator = this.#chunks[Symbol.asyncIterator]();
    try {
      for (;;) {
        this.#signal.throwIfAborted();
        const step = await this.#next(iterator);
        if (step.done === true) return;
        if (step.value.length === 0) continue;
        this.sizeBytes += step.value.length;
        yield step.value;
      }
    } finally {
      if (!this.#isOver) await iterator.return?.();
    }
  }

  async #next(iterator: AsyncIterator<Uint8Array>): Promise<IteratorResult<Uint8Array, unknown>> {
    try {
      return await orAbort(this.#ask(iterator), this.#signal);
    } catch (error) {
      if (!this.#isOver) void this.#leave(iterator);
      throw error;
    }
  }

  async #ask(iterator: AsyncIterator<Uint8Array>): Promise<IteratorResult<Uint8Array, unknown>> {
    try {
      const step = await iterator.next();
      if (step.done === true) this.#isOver = true;
      return step;
    } catch (error) {
      this.#isOver = true;
      this.#failure = { error };
      throw error;
    }
  }

  /** A generator that waits for something takes `return` only afterwards: it is told to end, but not waited for. */
  async #leave(iterator: AsyncIterator<Uint8Array>): Promise<void> {
    this.#isOver = true;
    try {
      await iterator.return?.();
    } catch {
      // The abort is what its owner is told.
    }
  }
}

/**
 * Stores a stream by `store`. Where the stream itself fails, its error is the one that is thrown, and not what the
 * storage made of it.
 */
export async function storeChunks(
  chunks: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
  store: (source: ChunkSource) => Promise<void>,
): Promise<WrittenStream> {
  const source = new ChunkSource(chunks, signal);
  try {
    await store(source);
  } catch (error) {
    source.throwFailure();
    throw error;
  }
  return { sizeBytes: source.sizeBytes };
}
