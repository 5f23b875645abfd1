import { CairnError } from '../base/errors.ts';
import { type Codec, SEAL_OVERHEAD, type SealKey } from '../kernels/codec.ts';
import type { BlobIndex } from '../repository/index/blob-index.ts';

const FIRST_CAPACITY = 1024 * 1024;

/** Opens, decompresses and verifies blobs in buffers that are reused: no allocation per blob. */
export class BlobDecoder {
  readonly #codec: Codec;
  readonly #key: SealKey;
  readonly #index: BlobIndex;
  readonly #hash = new Uint8Array(32);
  #opened: Uint8Array = new Uint8Array(FIRST_CAPACITY);
  #plain: Uint8Array = new Uint8Array(FIRST_CAPACITY);

  constructor(codec: Codec, key: SealKey, index: BlobIndex) {
    this.#codec = codec;
    this.#key = key;
    this.#index = index;
  }

  /**
   * The plaintext of a blob, valid until the next call. Throws `SEAL_BROKEN`, `COMPRESSION_INVALID`, or
   * `BLOB_CORRUPT` when the content does not match the id.
   */
  decode(sealed: Uint8Array, record: number, uncompressedLength: number): Uint8Array {
    this.#opened = withRoom(this.#opened, sealed.length);
    const size = this.#codec.openInto(this.#key, sealed, this.#opened);
    const opened = this.#opened.subarray(0, Math.min(size, sealed.length - SEAL_OVERHEAD));
    const plain = uncompressedLength === 0 ? opened : this.#decompress(opened, uncompressedLength);
    if (!this.matches(plain, record)) {
      throw new CairnError('BLOB_CORRUPT', `the content of blob ${this.#index.blobId(record)} does not match its id`);
    }
    return plain;
  }

  /** Whether these bytes are the content of a blob. */
  matches(plain: Uint8Array, record: number): boolean {
    this.#codec.sha256(plain, this.#hash);
    return Buffer.compare(this.#hash, this.#index.idBytes(record)) === 0;
  }

  #decompress(data: Uint8Array, size: number): Uint8Array {
    this.#plain = withRoom(this.#plain, size);
    const plain = this.#plain.subarray(0, size);
    const written = this.#codec.decompressInto(data, plain);
    if (written !== size) {
      throw new CairnError('COMPRESSION_INVALID', `${written} bytes came out where ${size} are recorded`);
    }
    return plain;
  }
}

/** `buffer`, or a larger one in its place. */
export function withRoom(buffer: Uint8Array, size: number): Uint8Array {
  if (buffer.length >= size) return buffer;
  return new Uint8Array(Math.max(size, Math.min(buffer.length * 2, buffer.length + 4 * 1024 * 1024)));
}

/** Bytes of a blob's plaintext; 0 for a blob that is not stored. */
export function plainLength(index: BlobIndex, record: number): number {
  const location = index.location(record);
  if (location === undefined) return 0;
  return location.uncompressedLength === 0 ? Math.max(0, location.length - SEAL_OVERHEAD) : location.uncompressedLength;
}
