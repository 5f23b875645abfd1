import type { SourceEntry } from '../../archiver/source.ts';
import { StreamSpool } from './stream-spool.ts';

export type StreamEntry = Extract<SourceEntry, { readonly kind: 'stream' }>;

export interface StreamContentOptions {
  readonly signal: AbortSignal;
  /** Told of the bytes of a stream that is read to its end first. */
  readonly onSpooled: (bytes: number) => void;
}

/** The content of a stream, whose size has to be known before its first byte: it was given, or the stream is read to its end first. */
export class StreamContent implements AsyncDisposable {
  sizeBytes = 0;
  /** What `advance` found; `undefined` at the end. */
  chunk: Uint8Array | undefined;
  readonly #entry: StreamEntry;
  readonly #options: StreamContentOptions;
  #chunks: AsyncIterator<Uint8Array> | undefined;
  #spool: StreamSpool | undefined;
  #isOver = false;

  constructor(entry: StreamEntry, options: StreamContentOptions) {
    this.#entry = entry;
    this.#options = options;
  }

  async prepare(): Promise<void> {
    const { signal, onSpooled } = this.#options;
    const chunks = this.#entry.open(signal);
    if (this.#entry.sizeBytes === undefined) {
      const spool = await StreamSpool.fill(chunks, { signal, onBytes: onSpooled });
      // Whoever gives up waits for no stream: it may end when nobody is there to close its file.
      if (this.#isOver) return await spool[Symbol.asyncDispose]();
      this.#spool = spool;
      this.sizeBytes = spool.sizeBytes;
      this.#chunks = spool.chunks();
    } else {
      this.sizeBytes = this.#entry.sizeBytes;
      this.#chunks = chunks[Symbol.asyncIterator]();
    }
  }

  async advance(): Promise<void> {
    const next = await this.#chunks?.next();
    this.chunk = next?.done === false ? next.value : undefined;
  }

  /** Also ends a program whose output it is. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    try {
      await this.#chunks?.return?.();
    } finally {
      await this.#spool?.[Symbol.asyncDispose]();
    }
  }
}
