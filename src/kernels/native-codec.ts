import { equalBytes } from '../base/bytes.ts';
import { CairnError } from '../base/errors.ts';
import type { Codec, GrowingSha256, RunningSha256, SealKey } from './codec.ts';
import { EagerSha256 } from './eager-sha256.ts';
import { openNativeLibrary, type NativeFunction, type NativeLibrary } from './native-library.ts';
import { createPairedSha256, type PairedSha256 } from './paired-sha256.ts';
import { clampR, equalMac, sameKey } from './poly1305-aes.ts';
import { IvPool } from './random-pool.ts';
import { type ZstdLevel, zstdParameters } from './zstd-parameters.ts';

const MAC_SIZE = 16;
const HASH_BYTES = 32;

/** The native codec, or `undefined` where this process does not offer what it needs or fails its self-test. */
export function createNativeCodec(): Codec | undefined {
  const library = openNativeLibrary();
  if (library === undefined) return undefined;
  try {
    const codec = new NativeCodec(library);
    return passesSelfTest(codec) ? codec : undefined;
  } catch {
    return undefined;
  }
}

class NativeCodec implements Codec {
  readonly kind = 'native';
  readonly #library: NativeLibrary;
  readonly #digest: Digest;
  readonly #paired: PairedSha256 | undefined;
  readonly #seal: SealCipher;
  readonly #zstd: Zstd;

  constructor(library: NativeLibrary) {
    this.#library = library;
    this.#digest = new Digest(library);
    this.#paired = testedPair(library, this.#digest);
    this.#seal = new SealCipher(library);
    this.#zstd = new Zstd(library);
  }

  sha256(data: Uint8Array, out: Uint8Array): void {
    if (this.#paired === undefined) this.#digest.hash(data, out);
    else this.#paired.hash([data], out);
  }

  sha256Each(messages: readonly Uint8Array[], out: Uint8Array): void {
    if (this.#paired !== undefined) return this.#paired.hash(messages, out);
    for (const [at, message] of messages.entries()) this.#digest.hash(message, out.subarray(HASH_BYTES * at));
  }

  createGrowingSha256(): GrowingSha256 {
    return this.#paired?.createGrowing() ?? new EagerSha256(this.createSha256());
  }

  createSha256(): RunningSha256 {
    return new Digest(this.#library);
  }

  sealInto(key: SealKey, plain: Uint8Array, dst: Uint8Array): number {
    return this.#seal.seal(key, plain, dst);
  }

  openInto(key: SealKey, sealed: Uint8Array, dst: Uint8Array): number {
    return this.#seal.open(key, sealed, dst);
  }

  compressInto(data: Uint8Array, dst: Uint8Array, level: ZstdLevel): number {
    return this.#zstd.compress(data, dst, level);
  }

  decompressInto(data: Uint8Array, dst: Uint8Array): number {
    return this.#zstd.decompress(data, dst);
  }
}

/** EVP digest with one context that lives as long as the codec. */
class Digest implements RunningSha256 {
  readonly #init: NativeFunction;
  readonly #update: NativeFunction;
  readonly #final: NativeFunction;
  readonly #context: unknown;

  constructor(library: NativeLibrary) {
    this.#init = library.bind('int EVP_DigestInit_ex2(void*, void*, void*)');
    this.#update = library.bind('int EVP_DigestUpdate(void*, const void*, size_t)');
    this.#final = library.bind('int EVP_DigestFinal_ex(void*, void*, void*)');
    this.#context = library.bind('void* EVP_MD_CTX_new()')();
    check(this.#init(this.#context, library.bind('void* EVP_sha256()')(), null), 'EVP_DigestInit_ex2');
  }

  update(data: Uint8Array): void {
    check(this.#update(this.#context, data, data.length), 'EVP_DigestUpdate');
  }

  hash(data: Uint8Array, out: Uint8Array): void {
    this.update(data);
    this.digestInto(out);
  }

  digestInto(out: Uint8Array): void {
    needRoom(out, HASH_BYTES);
    check(this.#final(this.#context, out, null), 'EVP_DigestFinal_ex');
    check(this.#init(this.#context, null, null), 'EVP_DigestInit_ex2');
  }
}

/** AES-256-CTR and Poly1305-AES with contexts that are keyed once and get a new IV per message. */
class SealCipher {
  readonly #cipherInit: NativeFunction;
  readonly #cipherUpdate: NativeFunction;
  readonly #macInit: NativeFunction;
  readonly #macUpdate: NativeFunction;
  readonly #macFinal: NativeFunction;
  readonly #ctr: unknown;
  readonly #ecb: unknown;
  readonly #mac: unknown;
  readonly #ctrAlgorithm: unknown;
  readonly #ecbAlgorithm: unknown;
  readonly #ivs: IvPool;
  readonly #oneTimeKey = new Uint8Array(32);
  readonly #oneTimeS: Uint8Array;
  readonly #computedMac = new Uint8Array(MAC_SIZE);
  readonly #written = new Int32Array(1);
  readonly #macWritten = new BigUint64Array(1);
  #key: SealKey | undefined;

  constructor(library: NativeLibrary) {
    this.#cipherInit = library.bind('int EVP_EncryptInit_ex(void*, void*, void*, const void*, const void*)');
    this.#cipherUpdate = library.bind('int EVP_EncryptUpdate(void*, void*, void*, const void*, int)');
    this.#macInit = library.bind('int EVP_MAC_init(void*, const void*, size_t, void*)');
    this.#macUpdate = library.bind('int EVP_MAC_update(void*, const void*, size_t)');
    this.#macFinal = library.bind('int EVP_MAC_final(void*, void*, void*, size_t)');
    const newCipher = library.bind('void* EVP_CIPHER_CTX_new()');
    this.#ctr = newCipher();
    this.#ecb = newCipher();
    this.#ctrAlgorithm = library.bind('void* EVP_aes_256_ctr()')();
    this.#ecbAlgorithm = library.bind('void* EVP_aes_128_ecb()')();
    const fetch = library.bind('void* EVP_MAC_fetch(void*, const char*, const char*)');
    this.#mac = library.bind('void* EVP_MAC_CTX_new(void*)')(fetch(null, 'POLY1305', null));
    this.#oneTimeS = this.#oneTimeKey.subarray(16);
    const random = library.bind('int RAND_bytes(void*, int)');
    this.#ivs = new IvPool((bytes) => check(random(bytes, bytes.length), 'RAND_bytes'));
  }

  seal(key: SealKey, plain: Uint8Array, dst: Uint8Array): number {
    const size = plain.length + 2 * MAC_SIZE;
    needRoom(dst, size);
    this.#use(key);
    this.#ivs.next(dst);
    const cipherText = dst.subarray(16, 16 + plain.length);
    this.#crypt(dst.subarray(0, 16), plain, cipherText);
    this.#authenticate(dst.subarray(0, 16), cipherText, dst.subarray(size - MAC_SIZE, size));
    return size;
  }

  open(key: SealKey, sealed: Uint8Array, dst: Uint8Array): number {
    const size = sealed.length - 2 * MAC_SIZE;
    if (size < 0)
      throw new CairnError('SEAL_BROKEN', `a sealed message has at least 32 bytes, this has ${sealed.length}`);
    needRoom(dst, size);
    this.#use(key);
    const iv = sealed.subarray(0, 16);
    const cipherText = sealed.subarray(16, 16 + size);
    this.#authenticate(iv, cipherText, this.#computedMac);
    if (!equalMac(this.#computedMac, sealed.subarray(16 + size))) {
      throw new CairnError('SEAL_BROKEN', 'the authentication code does not match: wrong key or damaged data');
    }
    this.#crypt(iv, cipherText, dst);
    return size;
  }

  #use(key: SealKey): void {
    if (sameKey(this.#key, key)) return;
    check(this.#cipherInit(this.#ctr, this.#ctrAlgorithm, null, key.encrypt, null), 'EVP_EncryptInit_ex');
    check(this.#cipherInit(this.#ecb, this.#ecbAlgorithm, null, key.macK, null), 'EVP_EncryptInit_ex');
    clampR(key.macR, this.#oneTimeKey);
    this.#key = key;
  }

  /** CTR mode decrypts by encrypting. */
  #crypt(iv: Uint8Array, from: Uint8Array, to: Uint8Array): void {
    if (from.length === 0) return;
    check(this.#cipherInit(this.#ctr, null, null, null, iv), 'EVP_EncryptInit_ex');
    check(this.#cipherUpdate(this.#ctr, to, this.#written, from, from.length), 'EVP_EncryptUpdate');
  }

  #authenticate(iv: Uint8Array, cipherText: Uint8Array, mac: Uint8Array): void {
    check(this.#cipherUpdate(this.#ecb, this.#oneTimeS, this.#written, iv, 16), 'EVP_EncryptUpdate');
    check(this.#macInit(this.#mac, this.#oneTimeKey, 32, null), 'EVP_MAC_init');
    if (cipherText.length > 0) check(this.#macUpdate(this.#mac, cipherText, cipherText.length), 'EVP_MAC_update');
    check(this.#macFinal(this.#mac, mac, this.#macWritten, MAC_SIZE), 'EVP_MAC_final');
  }
}

/** zstd with one context per level: a new context costs more than compressing a small blob. */
class Zstd {
  readonly #createContext: NativeFunction;
  readonly #compress: NativeFunction;
  readonly #decompress: NativeFunction;
  readonly #setParameter: NativeFunction;
  readonly #compressors = new Map<ZstdLevel, unknown>();
  readonly #decompressor: unknown;

  constructor(library: NativeLibrary) {
    this.#createContext = library.bind('void* ZSTD_createCCtx()');
    this.#compress = library.bind('size_t ZSTD_compress2(void*, void*, size_t, const void*, size_t)');
    this.#decompress = library.bind('size_t ZSTD_decompressDCtx(void*, void*, size_t, const void*, size_t)');
    this.#setParameter = library.bind('size_t ZSTD_CCtx_setParameter(void*, int, int)');
    this.#decompressor = library.bind('void* ZSTD_createDCtx()')();
  }

  compress(data: Uint8Array, dst: Uint8Array, level: ZstdLevel): number {
    const context = this.#compressors.get(level) ?? this.#newCompressor(level);
    const size = this.#compress(context, dst, dst.length, data, data.length);
    return isZstdError(size) ? 0 : Number(size);
  }

  decompress(data: Uint8Array, dst: Uint8Array): number {
    const size = this.#decompress(this.#decompressor, dst, dst.length, data, data.length);
    if (isZstdError(size)) throw new CairnError('COMPRESSION_INVALID', 'the compressed data is not valid zstd');
    return Number(size);
  }

  #newCompressor(level: ZstdLevel): unknown {
    const context = this.#createContext();
    for (const [parameter, value] of zstdParameters(level)) {
      if (isZstdError(this.#setParameter(context, parameter, value))) {
        throw new CairnError('ARGUMENT_INVALID', `zstd refuses ${value} for parameter ${parameter}`);
      }
    }
    this.#compressors.set(level, context);
    return context;
  }
}

/** zstd returns errors as the last 120 values of size_t; they come as a BigInt, or above 2^53. */
function isZstdError(size: unknown): boolean {
  return Number(size) > Number.MAX_SAFE_INTEGER;
}

function check(result: unknown, call: string): void {
  if (result !== 1) throw new CairnError('KERNEL_UNAVAILABLE', `${call} failed`);
}

/** Message lengths around the edges of a block and of its padding. */
const PAIR_SIZES = [0, 200, 1, 55, 56, 64, 127];

/** The pair of hashes, unless it differs in anything from one after the other. */
function testedPair(library: NativeLibrary, digest: Digest): PairedSha256 | undefined {
  const pair = createPairedSha256(library);
  const messages = PAIR_SIZES.map((size) => range(size, size));
  const hashes = new Uint8Array(HASH_BYTES * messages.length);
  pair?.hash(messages, hashes);
  const hash = new Uint8Array(HASH_BYTES);
  const isRight = messages.every((message, at) => {
    digest.hash(message, hash);
    return equalBytes(hash, hashes.subarray(HASH_BYTES * at, HASH_BYTES * (at + 1)));
  });
  return isRight ? pair : undefined;
}

/** Native code writes where it is told to: every destination is measured first. */
function needRoom(dst: Uint8Array, size: number): void {
  if (dst.length < size) throw new RangeError(`needs ${size} bytes of room, got ${dst.length}`);
}

// A message sealed elsewhere: encryption key 00…1f, MAC keys 20…2f and f0…ff, IV 80…8f, `{"hello":"world"}`.
const KNOWN_MESSAGE = Buffer.from(
  '808182838485868788898a8b8c8d8e8fcb929d1ea7fbd8a19b71f898fcf60ce0832a6fb07f47620e18f5a5275d6aeb49ef',
  'hex',
);
const KNOWN_PLAIN = Buffer.from('{"hello":"world"}');
const KNOWN_HASH = '93a23971a914e5eacbf0a8d25154cda309c3c1c72fbb9914d47c60f3cb681588';

/** Known answers of the cipher, the authenticator and the hash, and a round trip of zstd: a library that misbehaves is not used. */
function passesSelfTest(codec: Codec): boolean {
  const key = { encrypt: range(0, 32), macK: range(0x20, 16), macR: range(0xf0, 16) };
  const opened = new Uint8Array(KNOWN_PLAIN.length);
  codec.openInto(key, KNOWN_MESSAGE, opened);
  const resealed = new Uint8Array(KNOWN_MESSAGE.length);
  codec.sealInto(key, opened, resealed);
  codec.openInto(key, resealed, opened);
  const squeezed = new Uint8Array(256);
  const zeros = new Uint8Array(200);
  const size = codec.compressInto(zeros, squeezed, 3);
  const back = new Uint8Array(200).fill(1);
  codec.decompressInto(squeezed.subarray(0, size), back);
  const hash = new Uint8Array(32);
  codec.sha256(KNOWN_PLAIN, hash);
  return (
    KNOWN_PLAIN.equals(opened) && back.every((byte) => byte === 0) && Buffer.from(hash).toString('hex') === KNOWN_HASH
  );
}

function range(from: number, count: number): Uint8Array {
  return Uint8Array.from({ length: count }, (_, i) => from + i);
}
