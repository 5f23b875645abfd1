import { equalBytes, withRoom } from '../base/bytes.ts';
import { CairnError } from '../base/errors.ts';
import { type BlobId, ID_SIZE, idFromBytes, idToBytes } from '../base/ids.ts';
import { type Codec, SEAL_OVERHEAD, type SealKey } from '../kernels/codec.ts';

/** Opens, decompresses and verifies blobs in buffers that are reused and grow: no allocation per blob. */
export class BlobDecoder {
  readonly #codec: Codec;
  readonly #key: SealKey;
  readonly #hash = new Uint8Array(ID_SIZE);
  #opened: Uint8Array = new Uint8Array(0);
  #openedSize = 0;
  #plain: Uint8Array = new Uint8Array(0);

  constructor(codec: Codec, key: SealKey) {
    this.#codec = codec;
    this.#key = key;
  }

  /**
   * The plaintext of the blob with this id, valid until the next call. `uncompressedLength` is 0 for blobs stored as
   * they are. Throws `SEAL_BROKEN`, `COMPRESSION_INVALID`, or `BLOB_CORRUPT` when the content does not match the id.
   */
  decode(sealed: Uint8Array, id: Uint8Array, uncompressedLength: number): Uint8Array {
    const plain = this.open(sealed, uncompressedLength);
    if (this.matches(plain, id)) return plain;
    throw new CairnError('BLOB_CORRUPT', `the content of blob ${idFromBytes<BlobId>(id)} does not match its id`);
  }

  /** The same, but whether the content matches an id is left to `matches`. */
  open(sealed: Uint8Array, uncompressedLength: number): Uint8Array {
    this.#opened = withRoom(this.#opened, sealed.length - SEAL_OVERHEAD);
    this.#openedSize = this.#codec.openInto(this.#key, sealed, this.#opened);
    return uncompressedLength === 0 ? this.encoded : this.#decompress(this.encoded, uncompressedLength);
  }

  /** What was sealed of the blob that was opened last, compressed or not; valid until the next one. */
  get encoded(): Uint8Array {
    return this.#opened.subarray(0, this.#openedSize);
  }

  /** Whether these bytes are the content of the blob with this id. */
  matches(plain: Uint8Array, id: Uint8Array): boolean {
    this.#codec.sha256(plain, this.#hash);
    return equalBytes(this.#hash, id);
  }

  #decompress(data: Uint8Array, size: number): Uint8Array {
    this.#plain = withRoom(this.#plain, size);
    const plain = this.#plain.subarray(0, size);
    const written = this.#codec.decompressInto(data, plain);
    if (written === size) return plain;
    throw new CairnError('COMPRESSION_INVALID', `${written} bytes came out where ${size} are recorded`);
  }
}

/** One blob, decoded into memory of its own. Throws what `BlobDecoder.decode` throws. */
export function decodeBlob(
  codec: Codec,
  key: SealKey,
  sealed: Uint8Array,
  expected: { readonly id: BlobId; readonly uncompressedLength: number },
): Uint8Array {
  return new BlobDecoder(codec, key).decode(sealed, idToBytes(expected.id), expected.uncompressedLength);
}
