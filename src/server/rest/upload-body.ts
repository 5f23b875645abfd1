import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/** What came of an upload. */
export type Upload =
  | {
      readonly kind: 'complete';
      readonly parts: readonly Uint8Array[];
      readonly sizeBytes: number;
      readonly sha256: string;
    }
  /** More than is allowed, whatever the header said. */
  | { readonly kind: 'too-large' }
  | { readonly kind: 'no-room' }
  /** The connection ended, or nothing came for too long: there is nobody left to answer. */
  | { readonly kind: 'broken' };

export interface UploadLimits {
  readonly maxBytes: number;
  /** Nothing for so long ends the connection. */
  readonly stallMs: number;
  /** Asked as bytes arrive whose number was not announced; false ends the upload with `no-room`. */
  readonly makeRoom?: ((bytes: number) => boolean) | undefined;
}

const BLOCK_BYTES = 1024 * 1024;
/** Dripping bytes are no upload: the mean rate that a body must keep, after its first minute. */
const SLOWEST_BYTES_PER_SECOND = 4096;
const FIRST_MINUTE_MS = 60_000;

/** Bytes that the header announces; `undefined` for a chunked body. */
export function announcedBytes(request: IncomingMessage): number | undefined {
  const length = request.headers['content-length'];
  return length === undefined ? undefined : Number(length);
}

/** Reads a whole body into memory and hashes it. */
export async function readUpload(request: IncomingMessage, limits: UploadLimits): Promise<Upload> {
  const collector = new Collector();
  const watch = new BodyWatch(request, limits.stallMs);
  try {
    const chunks: AsyncIterable<Buffer> = request.iterator({ destroyOnReturn: false });
    for await (const chunk of chunks) {
      if (collector.sizeBytes + chunk.length > limits.maxBytes) return { kind: 'too-large' };
      if (limits.makeRoom?.(chunk.length) === false) return { kind: 'no-room' };
      collector.add(chunk);
      watch.saw(collector.sizeBytes);
    }
    return request.complete ? collector.finish() : { kind: 'broken' };
  } catch {
    // The stream's own error says no more than that the client is gone.
    return { kind: 'broken' };
  } finally {
    watch.stop();
  }
}

/** Why a body that is taken as it comes ended before its end. */
export class BodyRefused extends Error {
  readonly kind: 'no-room' | 'broken';

  constructor(kind: 'no-room' | 'broken') {
    super(`the body of a request ended: ${kind}`);
    this.name = 'BodyRefused';
    this.kind = kind;
  }
}

/** A body as it comes, for a storage that shows nothing of it before its end. Throws `BodyRefused`. */
export async function* bodyChunks(
  request: IncomingMessage,
  { stallMs, makeRoom }: Omit<UploadLimits, 'maxBytes'>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const iterator = (request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
  for (;;) {
    const chunk = await nextChunk(request, iterator, stallMs);
    if (chunk === undefined) break;
    if (makeRoom?.(chunk.length) === false) throw new BodyRefused('no-room');
    // Not watched meanwhile: it is the storage that is slow now.
    yield chunk;
  }
  if (!request.complete) throw new BodyRefused('broken');
}

async function nextChunk(
  request: IncomingMessage,
  iterator: AsyncIterator<Buffer>,
  stallMs: number,
): Promise<Buffer | undefined> {
  const timer = setTimeout(() => request.destroy(), stallMs);
  try {
    const next = await iterator.next();
    return next.done === true ? undefined : next.value;
  } catch {
    throw new BodyRefused('broken');
  } finally {
    clearTimeout(timer);
  }
}

/** Copies chunks into blocks: a million chunks of one byte must not become a million objects. */
class Collector {
  sizeBytes = 0;
  readonly #hash = createHash('sha256');
  readonly #parts: Uint8Array[] = [];
  #block: Uint8Array = new Uint8Array();
  #filled = 0;

  add(chunk: Buffer): void {
    this.#hash.update(chunk);
    this.sizeBytes += chunk.length;
    for (let rest = chunk; rest.length > 0;) {
      if (this.#filled === this.#block.length) this.#startBlock();
      const count = Math.min(rest.length, this.#block.length - this.#filled);
      this.#block.set(rest.subarray(0, count), this.#filled);
      this.#filled += count;
      rest = rest.subarray(count);
    }
  }

  finish(): Upload {
    this.#closeBlock();
    return { kind: 'complete', parts: this.#parts, sizeBytes: this.sizeBytes, sha256: this.#hash.digest('hex') };
  }

  #startBlock(): void {
    this.#closeBlock();
    // Small files such as locks are most of all files.
    this.#block = Buffer.allocUnsafeSlow(this.#parts.length === 0 ? 64 * 1024 : BLOCK_BYTES);
  }

  #closeBlock(): void {
    if (this.#filled > 0) this.#parts.push(this.#block.subarray(0, this.#filled));
    this.#filled = 0;
    this.#block = new Uint8Array();
  }
}

/** Ends a connection whose body does not come. */
class BodyWatch {
  readonly #request: IncomingMessage;
  readonly #stallMs: number;
  readonly #startedMs = performance.now();
  #timer: NodeJS.Timeout;

  constructor(request: IncomingMessage, stallMs: number) {
    this.#request = request;
    this.#stallMs = stallMs;
    this.#timer = this.#arm();
  }

  saw(totalBytes: number): void {
    const lateMs = performance.now() - this.#startedMs - FIRST_MINUTE_MS;
    if (lateMs > 0 && totalBytes < (lateMs / 1000) * SLOWEST_BYTES_PER_SECOND) this.#request.destroy();
    else this.#timer.refresh();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #arm(): NodeJS.Timeout {
    return setTimeout(() => this.#request.destroy(), this.#stallMs);
  }
}
