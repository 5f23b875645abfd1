// The payload of an age file (age-encryption.org/v1, "Payload"): a nonce, then chunks of 64 KiB, each sealed with
// ChaCha20-Poly1305. No associated data; the nonce of a chunk is its number, and whether it is the last.
//
//   offset | size          | field
//   0      | 16            | nonce; the key of the chunks is HKDF-SHA-256(file key, nonce, "payload")
//   16     | 65,536 + 16   | chunk 0 and its tag
//   …      | 1..65,536 + 16 | the last chunk, empty only where the whole plaintext is
//
// nonce of a chunk: 11 bytes big-endian counter, then 1 in the last chunk and 0 in every other.
import { createDecipheriv, hkdfSync } from 'node:crypto';
import { asBuffer } from '../../base/bytes.ts';
import { CairnError } from '../../base/errors.ts';
import { type ChaChaSealer, chachaSealer } from '../../kernels/chacha20-poly1305.ts';

export const AGE_NONCE_SIZE = 16;
const CHUNK_SIZE = 64 * 1024;
const TAG_SIZE = 16;
const SEALED_SIZE = CHUNK_SIZE + TAG_SIZE;
const CIPHER = 'chacha20-poly1305';

/** Size of the encrypted payload, nonce included, of a plaintext of `sizeBytes`. */
export function agePayloadSize(sizeBytes: number): number {
  const chunks = Math.max(1, Math.ceil(sizeBytes / CHUNK_SIZE));
  return AGE_NONCE_SIZE + sizeBytes + chunks * TAG_SIZE;
}

export function agePayloadKey(fileKey: Uint8Array, nonce: Uint8Array): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', fileKey, nonce, 'payload', 32));
}

/** Cuts what it is fed into blocks of one size, keeping at least one byte back: which block is the last shows at the end. */
class BlockCutter {
  readonly #size: number;
  readonly #held: Uint8Array;
  #used = 0;

  constructor(size: number) {
    this.#size = size;
    this.#held = new Uint8Array(size);
  }

  /** How many whole blocks the next `push` of so many bytes will give. */
  blocksIn(bytes: number): number {
    return Math.max(0, Math.ceil((this.#used + bytes) / this.#size) - 1);
  }

  push(input: Uint8Array, emit: (block: Uint8Array) => void): void {
    let at = 0;
    while (this.#used + input.length - at > this.#size) {
      if (this.#used === 0) {
        emit(input.subarray(at, at + this.#size));
        at += this.#size;
      } else {
        const missing = this.#size - this.#used;
        this.#held.set(input.subarray(at, at + missing), this.#used);
        at += missing;
        this.#used = 0;
        emit(this.#held);
      }
    }
    this.#held.set(input.subarray(at), this.#used);
    this.#used += input.length - at;
  }

  rest(): Uint8Array {
    return this.#held.subarray(0, this.#used);
  }
}

/** The nonces of the chunks, in their order. */
class ChunkNonces {
  readonly #nonce = new Uint8Array(12);

  get isFirst(): boolean {
    return this.#nonce.every((byte) => byte === 0);
  }

  take(last: boolean): Uint8Array {
    const taken = this.#nonce.slice();
    if (last) taken[11] = 1;
    for (let i = 10; i >= 0; i--) {
      const next = ((this.#nonce[i] ?? 0) + 1) & 0xff;
      this.#nonce[i] = next;
      if (next !== 0) break;
    }
    return taken;
  }
}

/** Seals a plaintext that comes in pieces of any size. */
export class AgePayloadWriter {
  readonly #key: Uint8Array;
  readonly #sealer: ChaChaSealer;
  readonly #cutter = new BlockCutter(CHUNK_SIZE);
  readonly #nonces = new ChunkNonces();
  #memory = new Uint8Array(0);

  constructor(key: Uint8Array, sealer: ChaChaSealer = chachaSealer()) {
    this.#key = key;
    this.#sealer = sealer;
  }

  /** The sealed chunks that are complete by now; often none. Their memory is used again by the next call. */
  update(input: Uint8Array): Uint8Array {
    const size = this.#cutter.blocksIn(input.length) * SEALED_SIZE;
    if (this.#memory.length < size) this.#memory = new Uint8Array(size);
    const out = this.#memory.subarray(0, size);
    let at = 0;
    this.#cutter.push(input, (block) => {
      at += this.#seal(block, out.subarray(at), false);
    });
    return out;
  }

  final(): Uint8Array {
    const rest = this.#cutter.rest();
    const out = new Uint8Array(rest.length + TAG_SIZE);
    this.#seal(rest, out, true);
    return out;
  }

  #seal(block: Uint8Array, out: Uint8Array, last: boolean): number {
    return this.#sealer.seal({ key: this.#key, nonce: this.#nonces.take(last), plain: block }, out);
  }
}

/** Opens what `AgePayloadWriter` made, fed in pieces of any size. Gives out nothing that is not authentic. */
export class AgePayloadReader {
  readonly #key: Uint8Array;
  readonly #cutter = new BlockCutter(SEALED_SIZE);
  readonly #nonces = new ChunkNonces();

  constructor(key: Uint8Array) {
    this.#key = key;
  }

  /** Throws `SEAL_BROKEN`. */
  update(input: Uint8Array): Uint8Array {
    const out = new Uint8Array(this.#cutter.blocksIn(input.length) * CHUNK_SIZE);
    let at = 0;
    this.#cutter.push(input, (block) => {
      at += this.#open(block, out.subarray(at), false);
    });
    return out;
  }

  /** The plaintext of the last chunk. Throws `SEAL_BROKEN`, also where the end is missing. */
  final(): Uint8Array {
    const rest = this.#cutter.rest();
    const first = this.#nonces.isFirst;
    if (rest.length < TAG_SIZE || (rest.length === TAG_SIZE && !first)) throw broken('it ends too early');
    const out = new Uint8Array(rest.length - TAG_SIZE);
    this.#open(rest, out, true);
    return out;
  }

  #open(block: Uint8Array, out: Uint8Array, last: boolean): number {
    const nonce = this.#nonces.take(last);
    const size = block.length - TAG_SIZE;
    const decipher = createDecipheriv(CIPHER, this.#key, nonce, { authTagLength: TAG_SIZE });
    decipher.setAuthTag(asBuffer(block.subarray(size)));
    const plain = decipher.update(block.subarray(0, size));
    try {
      decipher.final();
    } catch (cause) {
      throw broken(last ? 'its end is damaged or missing' : 'a chunk is damaged or not in its place', cause);
    }
    out.set(plain);
    return size;
  }
}

function broken(why: string, cause?: unknown): CairnError {
  return new CairnError('SEAL_BROKEN', `the encrypted data is not what was written: ${why}`, { cause });
}
