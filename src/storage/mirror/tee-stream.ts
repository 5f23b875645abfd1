import { ChunkSource } from '../chunk-source.ts';

type Step = IteratorResult<Uint8Array, undefined>;

/**
 * One stream for several readers in step: the next chunk is asked for when all who still read have asked for it. So no
 * chunk is kept, and the slowest sets the pace. Whoever ends reading leaves the others to go on.
 */
export class TeeStream {
  readonly source: ChunkSource;
  readonly #iterator: AsyncGenerator<Uint8Array>;
  readonly #readers = new Map<TeeReader, PromiseWithResolvers<Step> | undefined>();
  #isAsking = false;
  #isStopped = false;

  constructor(chunks: AsyncIterable<Uint8Array>, signal: AbortSignal | undefined) {
    this.source = new ChunkSource(chunks, signal);
    this.#iterator = this.source[Symbol.asyncIterator]();
  }

  /** Whatever fails from here on fails because of that. */
  get isStopped(): boolean {
    return this.#isStopped || this.source.hasFailed;
  }

  /** One more reader; all are to be made before the first one reads. */
  reader(): TeeReader {
    const reader: TeeReader = new TeeReader(
      () => this.#next(reader),
      () => this.#leave(reader),
    );
    this.#readers.set(reader, undefined);
    return reader;
  }

  /** Nobody gets anything more: who waits for a chunk gets `reason` instead. */
  stop(reason: unknown): void {
    this.#isStopped = true;
    this.source.stop(reason);
  }

  /** Ends the stream itself. Call it when nobody reads any more. */
  async close(): Promise<void> {
    await this.#iterator.return(undefined);
  }

  #next(reader: TeeReader): Promise<Step> {
    if (!this.#readers.has(reader)) return Promise.resolve({ done: true, value: undefined });
    const waiting = Promise.withResolvers<Step>();
    this.#readers.set(reader, waiting);
    this.#askIfAllWait();
    return waiting.promise;
  }

  #leave(reader: TeeReader): void {
    this.#readers.get(reader)?.resolve({ done: true, value: undefined });
    this.#readers.delete(reader);
    this.#askIfAllWait();
  }

  #askIfAllWait(): void {
    const waiting = Array.from(this.#readers.values());
    if (this.#isAsking || waiting.length === 0 || waiting.includes(undefined)) return;
    this.#isAsking = true;
    this.#iterator.next().then(
      (step) => this.#answer((one) => one.resolve(step.done === true ? { done: true, value: undefined } : step)),
      (error: unknown) => this.#answer((one) => one.reject(error)),
    );
  }

  #answer(give: (one: PromiseWithResolvers<Step>) => void): void {
    this.#isAsking = false;
    const waiting = Array.from(this.#readers);
    for (const [reader] of waiting) this.#readers.set(reader, undefined);
    for (const [, one] of waiting) if (one !== undefined) give(one);
  }
}

/** What one of several reads. */
export class TeeReader implements AsyncIterableIterator<Uint8Array, undefined> {
  readonly next: () => Promise<Step>;
  readonly leave: () => void;

  constructor(next: () => Promise<Step>, leave: () => void) {
    this.next = next;
    this.leave = leave;
  }

  async return(): Promise<Step> {
    this.leave();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
