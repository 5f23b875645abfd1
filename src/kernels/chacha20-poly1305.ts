// ChaCha20-Poly1305 (RFC 8439 §2.8) of many messages under one key, as in the payload of an age file. `node:crypto` makes an
// object and a buffer for each message; OpenSSL called directly writes where it is told to and leaves nothing behind.
import { createCipheriv } from 'node:crypto';
import { collectYoung } from '../base/collect-young.ts';
import { CairnError } from '../base/errors.ts';
import { type NativeFunction, type NativeLibrary, openNativeLibrary } from './native-library.ts';

export const CHACHA_TAG_SIZE = 16;
const KEY_SIZE = 32;
const NONCE_SIZE = 12;
/** EVP_CTRL_AEAD_GET_TAG */
const GET_TAG = 0x10;
/** Buffers that nobody uses any more may pile up to so many bytes before they are freed. */
const GARBAGE_BYTES = 1024 * 1024;

export interface ChaChaMessage {
  readonly key: Uint8Array;
  readonly nonce: Uint8Array;
  readonly plain: Uint8Array;
}

export interface ChaChaSealer {
  readonly kind: 'native' | 'portable';
  /** Writes ciphertext ‖ tag to `out`, which does not overlap `plain`. Returns their size. */
  seal(message: ChaChaMessage, out: Uint8Array): number;
}

let sealer: ChaChaSealer | undefined;

/** The sealer of this thread: the native one where it works, unless `CAIRN_NATIVE=off`. */
export function chachaSealer(): ChaChaSealer {
  sealer ??= (process.env.CAIRN_NATIVE === 'off' ? undefined : nativeChachaSealer()) ?? portableChachaSealer();
  return sealer;
}

/** `undefined` where this process does not offer what it needs, or gives another result than `node:crypto`. */
export function nativeChachaSealer(): ChaChaSealer | undefined {
  const library = openNativeLibrary();
  if (library === undefined) return undefined;
  try {
    const native = new NativeSealer(library);
    return passesSelfTest(native) ? native : undefined;
  } catch {
    return undefined;
  }
}

export function portableChachaSealer(): ChaChaSealer {
  return new PortableSealer();
}

/** One context for all keys: each message sets its own. */
class NativeSealer implements ChaChaSealer {
  readonly kind = 'native';
  readonly #init: NativeFunction;
  readonly #update: NativeFunction;
  readonly #final: NativeFunction;
  readonly #control: NativeFunction;
  readonly #context: unknown;
  readonly #written = new Int32Array(1);

  constructor(library: NativeLibrary) {
    this.#init = library.bind('int EVP_EncryptInit_ex(void*, void*, void*, const void*, const void*)');
    this.#update = library.bind('int EVP_EncryptUpdate(void*, void*, void*, const void*, int)');
    this.#final = library.bind('int EVP_EncryptFinal_ex(void*, void*, void*)');
    this.#control = library.bind('int EVP_CIPHER_CTX_ctrl(void*, int, int, void*)');
    this.#context = library.bind('void* EVP_CIPHER_CTX_new()')();
    check(this.#init(this.#context, library.bind('void* EVP_chacha20_poly1305()')(), null, null, null));
  }

  seal({ key, nonce, plain }: ChaChaMessage, out: Uint8Array): number {
    const size = sealedSize(key, nonce, plain, out);
    check(this.#init(this.#context, null, null, key, nonce));
    if (plain.length > 0) check(this.#update(this.#context, out, this.#written, plain, plain.length));
    const tag = out.subarray(plain.length, size);
    // It writes nothing more: this is a stream cipher.
    check(this.#final(this.#context, tag, this.#written));
    check(this.#control(this.#context, GET_TAG, CHACHA_TAG_SIZE, tag));
    return size;
  }
}

class PortableSealer implements ChaChaSealer {
  readonly kind = 'portable';
  #garbageBytes = 0;

  seal({ key, nonce, plain }: ChaChaMessage, out: Uint8Array): number {
    const size = sealedSize(key, nonce, plain, out);
    const cipher = createCipheriv('chacha20-poly1305', key, nonce, { authTagLength: CHACHA_TAG_SIZE });
    out.set(cipher.update(plain));
    cipher.final();
    out.set(cipher.getAuthTag(), plain.length);
    this.#garbageBytes += size;
    if (this.#garbageBytes >= GARBAGE_BYTES) {
      this.#garbageBytes = 0;
      collectYoung();
    }
    return size;
  }
}

/** Native code reads and writes where it is told to, so all sizes are looked at first. */
function sealedSize(key: Uint8Array, nonce: Uint8Array, plain: Uint8Array, out: Uint8Array): number {
  const size = plain.length + CHACHA_TAG_SIZE;
  if (key.length !== KEY_SIZE || nonce.length !== NONCE_SIZE) throw new RangeError('a key has 32 bytes, a nonce 12');
  if (out.length < size) throw new RangeError(`needs ${size} bytes of room, got ${out.length}`);
  return size;
}

function check(result: unknown): void {
  if (result !== 1) throw new CairnError('KERNEL_UNAVAILABLE', 'ChaCha20-Poly1305 of OpenSSL failed');
}

/** A self test: twice under one key and once under another, since the context is reused. */
function passesSelfTest(native: ChaChaSealer): boolean {
  const portable = portableChachaSealer();
  return [1, 1, 2].every((key, at) => {
    const message = {
      key: new Uint8Array(KEY_SIZE).fill(key),
      nonce: new Uint8Array(NONCE_SIZE).fill(at),
      plain: new Uint8Array(100 * at).fill(7),
    };
    const [ours, known] = [native, portable].map((sealer) => {
      const out = new Uint8Array(message.plain.length + CHACHA_TAG_SIZE);
      sealer.seal(message, out);
      return Buffer.from(out);
    });
    return ours !== undefined && known !== undefined && ours.equals(known);
  });
}
