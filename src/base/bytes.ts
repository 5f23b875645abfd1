const encoder = new TextEncoder();

export function utf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/** Decodes UTF-8 for showing to a person; bad bytes become U+FFFD. Never use the result as a name. */
export function utf8Lossy(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
}

/** A `Buffer` over the same memory. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

/**
 * Bytes as a string with one character (Latin-1) for each: a key for a map, and a name to cut, join and sort. Loses
 * nothing, and the order of such strings is the order of the bytes.
 */
export function bytesKey(bytes: Uint8Array): string {
  return asBuffer(bytes).toString('latin1');
}

/** The bytes that `bytesKey` made a string of. */
export function bytesOf(key: string): Buffer<ArrayBuffer> {
  return Buffer.from(key, 'latin1');
}

export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  let size = 0;
  for (const part of parts) size += part.length;
  const out = new Uint8Array(size);
  let offset = 0;
  for (const part of parts) {
    out.set(part, offset);
    offset += part.length;
  }
  return out;
}

/**
 * A copy in memory of its own, for a message to another thread: of a view that takes the whole memory along, such as the 64 KiB
 * of which Node cuts small buffers.
 */
export function ownCopy(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}

/** A copy in shared memory, which other threads see without one of their own. */
export function sharedCopy(bytes: Uint8Array): Uint8Array {
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
  shared.set(bytes);
  return shared;
}

/** `buffer`, or one with room for `size` bytes in its place: twice as large, at most 4 MiB larger than it has to be. */
export function withRoom(buffer: Uint8Array, size: number): Uint8Array {
  if (buffer.length >= size) return buffer;
  return new Uint8Array(Math.max(size, Math.min(buffer.length * 2, buffer.length + 4 * 1024 * 1024)));
}

/** memcmp: negative, zero or positive. The order of names in a tree. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  return Buffer.compare(a, b);
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && Buffer.compare(a, b) === 0;
}
