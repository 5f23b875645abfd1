// The five primitives of the hot path: SHA-256, the sealed message, zstd both ways. One codec per
// thread; it keeps its cipher, digest and zstd contexts, because making one costs more than using
// it on a small blob.
import { createNativeCodec } from './native-codec.ts';
import type { ZstdLevel } from './zstd-parameters.ts';
import { createPortableCodec } from './portable-codec.ts';

/** Keys of one sealed-message scheme: AES-256 key, and the two halves of the Poly1305-AES key. */
export interface SealKey {
  readonly encrypt: Uint8Array;
  readonly macK: Uint8Array;
  readonly macR: Uint8Array;
}

/** Bytes a sealed message is longer than its plaintext: IV (16) and MAC (16). */
export const SEAL_OVERHEAD = 32;

export interface Codec {
  /** `native`: OpenSSL and zstd of this Node process called directly. `portable`: node:crypto, node:zlib, WASM. */
  readonly kind: 'native' | 'portable';

  /** Writes the 32-byte SHA-256 of `data` to `out`. */
  sha256(data: Uint8Array, out: Uint8Array): void;

  /** The same for several messages, into 32 bytes each of `out`; in half the time where the processor can do two at once. */
  sha256Each(messages: readonly Uint8Array[], out: Uint8Array): void;

  /** The SHA-256 of a message that grows where it lies. */
  createGrowingSha256(): GrowingSha256;

  /** A running SHA-256. `digestInto` ends it and leaves it ready for the next message. */
  createSha256(): RunningSha256;

  /**
   * Seals `plain` into `dst` as IV ‖ ciphertext ‖ MAC and returns `plain.length + SEAL_OVERHEAD`.
   * `dst` must have that room. `plain` either lies exactly at `dst[16]`, to be sealed in place, or does not
   * overlap `dst` at all.
   */
  sealInto(key: SealKey, plain: Uint8Array, dst: Uint8Array): number;

  /**
   * Authenticates `sealed`, then decrypts it into `dst`; returns `sealed.length - SEAL_OVERHEAD`.
   * Throws `SEAL_BROKEN` when it is too short or the MAC does not match; `dst` is then untouched.
   */
  openInto(key: SealKey, sealed: Uint8Array, dst: Uint8Array): number;

  /** Compresses `data` into one zstd frame in `dst`. Returns its size, or 0 if it does not fit. */
  compressInto(data: Uint8Array, dst: Uint8Array, level: ZstdLevel): number;

  /** Decompresses zstd `data` into `dst` and returns the size. Throws `COMPRESSION_INVALID`, also when `dst` is too small. */
  decompressInto(data: Uint8Array, dst: Uint8Array): number;
}

export interface RunningSha256 {
  update(data: Uint8Array): void;
  digestInto(out: Uint8Array): void;
}

/**
 * SHA-256 of a message that grows in one place of memory, such as a pack. Its bytes are looked at when it suits, at the
 * latest by `digestInto`; until then they must stay as they are.
 */
export interface GrowingSha256 {
  /** The whole message so far. It may have moved, and begins with the message before. */
  grow(message: Uint8Array): void;
  /** Ends the message, and is ready for the next. */
  digestInto(out: Uint8Array): void;
  /** Forgets the message. */
  reset(): void;
}

/**
 * Makes the codec of this thread: the native one where it works, else the portable one. The
 * environment variable `CAIRN_NATIVE=off` and `prefer: 'portable'` choose the portable one.
 */
export function createCodec(options: { readonly prefer?: 'native' | 'portable' } = {}): Codec {
  const portable = options.prefer === 'portable' || process.env.CAIRN_NATIVE === 'off';
  return (portable ? undefined : createNativeCodec()) ?? createPortableCodec();
}
