import type * as Crypto from 'node:crypto';
import type * as Zlib from 'node:zlib';
import { CairnError } from '../base/errors.ts';
import type { Codec, GrowingSha256, RunningSha256, SealKey } from './codec.ts';
import { EagerSha256 } from './eager-sha256.ts';
import { createKernels, KERNEL_SCRATCH_BYTES, type Kernels } from './kernels.ts';
import { clampR, equalMac, sameKey } from './poly1305-aes.ts';
import { IvPool } from './random-pool.ts';
import { type ZstdLevel, zstdParameters } from './zstd-parameters.ts';

const MAC_SIZE = 16;
/** Ciphertext is authenticated in WASM memory of this many bytes; longer messages grow it. */
const FIRST_ARENA_BYTES = 1024 * 1024;

// Not imported: where the native codec works, no thread needs them, and they take each 15 ms to load.
const crypto = (): typeof Crypto => process.getBuiltinModule('node:crypto');
const zlib = (): typeof Zlib => process.getBuiltinModule('node:zlib');

/** The codec that needs nothing but Node: node:crypto, node:zlib, and Poly1305 in WASM. */
export function createPortableCodec(): Codec {
  return new PortableCodec();
}

class PortableCodec implements Codec {
  readonly kind = 'portable';
  readonly #ivs = new IvPool((bytes) => crypto().randomFillSync(bytes));
  readonly #oneTimeKey = new Uint8Array(32);
  readonly #computedMac = new Uint8Array(MAC_SIZE);
  #kernels: Kernels = createKernels({ dataBytes: FIRST_ARENA_BYTES });
  #key: SealKey | undefined;
  #ecb: Crypto.Cipheriv | undefined;

  sha256(data: Uint8Array, out: Uint8Array): void {
    out.set(crypto().createHash('sha256').update(data).digest());
  }

  sha256Each(messages: readonly Uint8Array[], out: Uint8Array): void {
    for (const [at, message] of messages.entries()) this.sha256(message, out.subarray(32 * at));
  }

  createGrowingSha256(): GrowingSha256 {
    return new EagerSha256(this.createSha256());
  }

  createSha256(): RunningSha256 {
    return new PortableSha256();
  }

  sealInto(key: SealKey, plain: Uint8Array, dst: Uint8Array): number {
    const size = plain.length + 2 * MAC_SIZE;
    if (dst.length < size) throw new RangeError(`needs ${size} bytes of room, got ${dst.length}`);
    this.#ivs.next(dst);
    const iv = dst.slice(0, 16);
    dst.set(crypto().createCipheriv('aes-256-ctr', key.encrypt, iv).update(plain), 16);
    this.#authenticate(key, iv, dst.subarray(16, size - MAC_SIZE), this.#computedMac);
    dst.set(this.#computedMac, size - MAC_SIZE);
    return size;
  }

  openInto(key: SealKey, sealed: Uint8Array, dst: Uint8Array): number {
    const size = sealed.length - 2 * MAC_SIZE;
    if (size < 0)
      throw new CairnError('SEAL_BROKEN', `a sealed message has at least 32 bytes, this has ${sealed.length}`);
    const iv = sealed.slice(0, 16);
    const cipherText = sealed.subarray(16, 16 + size);
    this.#authenticate(key, iv, cipherText, this.#computedMac);
    if (!equalMac(this.#computedMac, sealed.subarray(16 + size))) {
      throw new CairnError('SEAL_BROKEN', 'the authentication code does not match: wrong key or damaged data');
    }
    dst.set(crypto().createCipheriv('aes-256-ctr', key.encrypt, iv).update(cipherText));
    return size;
  }

  compressInto(data: Uint8Array, dst: Uint8Array, level: ZstdLevel): number {
    const params = Object.fromEntries(zstdParameters(level));
    const squeezed = zlib().zstdCompressSync(data, { params, pledgedSrcSize: data.length });
    if (squeezed.length > dst.length) return 0;
    dst.set(squeezed);
    return squeezed.length;
  }

  decompressInto(data: Uint8Array, dst: Uint8Array): number {
    try {
      // One byte more than fits tells "too small" from "exactly full"; zlib refuses 0.
      const plain = zlib().zstdDecompressSync(data, { maxOutputLength: Math.max(1, dst.length) });
      dst.set(plain);
      return plain.length;
    } catch (cause) {
      throw new CairnError('COMPRESSION_INVALID', 'the compressed data is not valid zstd', { cause });
    }
  }

  #authenticate(key: SealKey, iv: Uint8Array, cipherText: Uint8Array, mac: Uint8Array): void {
    if (!sameKey(this.#key, key) || this.#ecb === undefined) {
      this.#ecb = crypto().createCipheriv('aes-128-ecb', key.macK, null).setAutoPadding(false);
      clampR(key.macR, this.#oneTimeKey);
      this.#key = key;
    }
    this.#oneTimeKey.set(this.#ecb.update(iv), 16);
    if (this.#kernels.bytes.length < KERNEL_SCRATCH_BYTES + cipherText.length) {
      this.#kernels = createKernels({ dataBytes: cipherText.length * 2 });
    }
    this.#kernels.bytes.set(cipherText, KERNEL_SCRATCH_BYTES);
    this.#kernels.poly1305(KERNEL_SCRATCH_BYTES, cipherText.length, this.#oneTimeKey, mac);
  }
}

class PortableSha256 implements RunningSha256 {
  #hash: Crypto.Hash = crypto().createHash('sha256');

  update(data: Uint8Array): void {
    this.#hash.update(data);
  }

  digestInto(out: Uint8Array): void {
    out.set(this.#hash.digest());
    this.#hash = crypto().createHash('sha256');
  }
}
