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
    decompressWhole(this.#codec, data, plain);
    return plain;
  }
}

/**
 * Opens a blob into `plain`, which has its length; `encoded` has room for what was sealed of a compressed one. Whether
 * the content matches the id is left to the caller. Throws `SEAL_BROKEN`, `COMPRESSION_INVALID`.
 */
export function openBlobInto(
  codec: Codec,
  key: SealKey,
  { sealed, uncompressedLength }: { readonly sealed: Uint8Array; readonly uncompressedLength: number },
  { plain, encoded }: { readonly plain: Uint8Array; readonly encoded: Uint8Array },
): void {
  if (uncompressedLength === 0) codec.openInto(key, sealed, plain);
  else decompressWhole(codec, encoded.subarray(0, codec.openInto(key, sealed, encoded)), plain);
}

function decompressWhole(codec: Codec, data: Uint8Array, plain: Uint8Array): void {
  const written = codec.decompressInto(data, plain);
  if (written === plain.length) return;
  throw new CairnError('COMPRESSION_INVALID', `${written} bytes came out where ${plain.length} are recorded`);
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
