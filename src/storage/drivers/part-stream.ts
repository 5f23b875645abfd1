// A stream on its way into a storage that takes small objects by one request and larger ones in parts.
import { ChunkSource } from '../chunk-source.ts';
import { gatherBlocks } from '../gather-blocks.ts';
import type { WrittenStream } from '../storage.ts';
import { PartMemory, streamPartBytes } from './part-memory.ts';

/** The parts of a stream while they come. */
export interface StreamParts {
  /** Abort it with the first failure: whoever waits for the next chunk, or for room, then waits no longer. */
  readonly stop: AbortController;
  /** Takes back the memory of each part once it is stored. */
  readonly memory: PartMemory;
  readonly source: ChunkSource;
  readonly blocks: AsyncIterable<Uint8Array>;
}

/** What a storage does with a stream. `signal` is the caller's, and aborted as well by `stop`. */
export interface PartStreamTarget {
  /** Stores what fits into the first part, by one request. */
  whole(bytes: Uint8Array, signal: AbortSignal): Promise<void>;
  /** Stores more than that, part after part. */
  parts(parts: StreamParts, signal: AbortSignal): Promise<void>;
}

export interface PartStreamOptions {
  /** Size of the first parts. */
  readonly partBytes: number;
  /** Sizes of all parts are those of `streamPartBytes`, unless they have to be the same. */
  readonly sameSize?: boolean;
  readonly signal: AbortSignal | undefined;
}

/** Stores a stream: what fits into one part by one request, more in parts while it comes. */
export async function writePartStream(
  chunks: AsyncIterable<Uint8Array>,
  options: PartStreamOptions,
  target: PartStreamTarget,
): Promise<WrittenStream> {
  const stop = new AbortController();
  const signal = options.signal === undefined ? stop.signal : AbortSignal.any([options.signal, stop.signal]);
  const source = new ChunkSource(chunks, signal);
  const memory = new PartMemory(signal);
  const sizeAt = (index: number): number =>
    options.sameSize === true ? options.partBytes : streamPartBytes(index, options.partBytes);
  const blocks = gatherBlocks(source, (index) => memory.take(sizeAt(index)));
  try {
    const first = await blocks.next();
    const second = first.done === true ? first : await blocks.next();
    if (first.done === true) await target.whole(new Uint8Array(), signal);
    else if (second.done === true) await target.whole(first.value, signal);
    else await target.parts({ stop, memory, source, blocks: joined([first.value, second.value], blocks) }, signal);
  } finally {
    await blocks.return(undefined);
  }
  return { sizeBytes: source.sizeBytes };
}

async function* joined(first: readonly Uint8Array[], others: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* first;
  yield* others;
}

/** Sends a request again that may have been carried out, with only its answer lost: then the next try is refused. */
export function unlessDone(
  send: () => Promise<unknown>,
  isDone: (error: unknown) => Promise<boolean>,
): () => Promise<void> {
  let tries = 0;
  return async () => {
    tries++;
    try {
      await send();
    } catch (error) {
      if (tries === 1 || !(await isDone(error))) throw error;
    }
  };
}
