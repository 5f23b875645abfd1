import type { Storage } from '../../storage/storage.ts';

/** Bytes of one request: large enough that a request's delay does not count, small enough for two in memory. */
const WINDOW = 4 * 1024 * 1024;

/** Where the bytes of an archive come from: an object of a storage, or a file. */
export interface ByteSource {
  /** How people call it. */
  readonly name: string;
  readonly sizeBytes: number;
  readonly read: (offset: number, length: number, signal: AbortSignal) => Promise<Uint8Array>;
}

export function objectBytes(storage: Storage, object: string, sizeBytes: number): ByteSource {
  return {
    name: object.slice(object.lastIndexOf('/') + 1),
    sizeBytes,
    read: (offset, length, signal) => storage.read(object, { offset, length, signal }),
  };
}

/** The bytes from `offset` to the end, the next piece being fetched while one is used. */
export async function* streamFrom(source: ByteSource, offset: number, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  let next = fetchWindow(source, offset, signal);
  for (let at = offset; at < source.sizeBytes; at += WINDOW) {
    const current = next;
    next = fetchWindow(source, at + WINDOW, signal);
    yield await current;
    signal.throwIfAborted();
  }
}

function fetchWindow(source: ByteSource, offset: number, signal: AbortSignal): Promise<Uint8Array> {
  const length = Math.min(WINDOW, source.sizeBytes - offset);
  const bytes = length <= 0 ? Promise.resolve(new Uint8Array(0)) : source.read(offset, length, signal);
  // Whoever stops early does not wait for it.
  bytes.catch(() => {});
  return bytes;
}
