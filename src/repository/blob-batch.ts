import { equalBytes, withRoom } from '../base/bytes.ts';
import { CairnError } from '../base/errors.ts';
import { type BlobId, ID_SIZE, idFromBytes } from '../base/ids.ts';
import { type Codec, SEAL_OVERHEAD, type SealKey } from '../kernels/codec.ts';
import { openBlobInto } from './blob-codec.ts';

/** Many, so that a large one among small ones does not leave the other half of the SHA unit without work. */
const BLOBS = 64;
const ARENA_BYTES = 4 * 1024 * 1024;

/** A blob with whatever its owner wants to know it by. */
export type CheckedBlob<Label> =
  | { readonly label: Label; readonly plain: Uint8Array }
  | { readonly label: Label; readonly error: unknown };

/** What is known of a blob that is stored in a pack. */
export interface SealedBlob {
  readonly sealed: Uint8Array;
  /** 32 bytes. */
  readonly id: Uint8Array;
  /** 0 for a blob that is stored as it is. */
  readonly uncompressedLength: number;
}

interface OpenBlob<Label> {
  readonly label: Label;
  readonly id: Uint8Array;
  readonly plain: Uint8Array;
}

/** Opens several blobs and verifies them together, which takes half the hashing of one after the other (`Codec.sha256Each`). */
export class BlobBatch<Label> {
  readonly #codec: Codec;
  readonly #key: SealKey;
  readonly #hashes = new Uint8Array(BLOBS * ID_SIZE);
  #arena: Uint8Array = new Uint8Array(0);
  #used = 0;
  #opened: Uint8Array = new Uint8Array(0);
  #blobs: (OpenBlob<Label> | { readonly label: Label; readonly error: unknown })[] = [];

  constructor(codec: Codec, key: SealKey) {
    this.#codec = codec;
    this.#key = key;
  }

  get isEmpty(): boolean {
    return this.#blobs.length === 0;
  }

  /** Whether another blob of this size may be added before the others are taken. */
  hasRoomFor(blob: SealedBlob): boolean {
    if (this.isEmpty) return true;
    return this.#blobs.length < BLOBS && this.#used + plainLength(blob) <= ARENA_BYTES;
  }

  /** Opens a blob. What goes wrong is told by `take`. The sealed bytes may be overwritten afterwards. */
  add(label: Label, blob: SealedBlob): void {
    const { sealed, id, uncompressedLength } = blob;
    const size = plainLength(blob);
    try {
      // In here too: a damaged index or header may record a size for which there is no memory.
      if (this.#used === 0) this.#arena = withRoom(this.#arena, Math.max(size, ARENA_BYTES));
      const plain = this.#arena.subarray(this.#used, this.#used + size);
      if (uncompressedLength > 0) this.#opened = withRoom(this.#opened, sealed.length - SEAL_OVERHEAD);
      openBlobInto(this.#codec, this.#key, blob, { plain, encoded: this.#opened });
      this.#blobs.push({ label, id: id.slice(), plain });
      this.#used += size;
    } catch (error) {
      this.#blobs.push({ label, error });
    }
  }

  /** Notes a blob whose sealed bytes could not be had. */
  addFailed(label: Label, error: unknown): void {
    this.#blobs.push({ label, error });
  }

  /** The blobs in the order in which they were added. Their bytes are good until the next `add`. */
  take(): CheckedBlob<Label>[] {
    const blobs = this.#blobs;
    this.#blobs = [];
    this.#used = 0;
    this.#codec.sha256Each(
      blobs.flatMap((blob) => ('plain' in blob ? [blob.plain] : [])),
      this.#hashes,
    );
    let at = 0;
    return blobs.map((blob) => {
      if (!('plain' in blob)) return blob;
      const { label, id, plain } = blob;
      const hash = this.#hashes.subarray(at, at + ID_SIZE);
      at += ID_SIZE;
      if (equalBytes(hash, id)) return { label, plain };
      const error = new CairnError(
        'BLOB_CORRUPT',
        `the content of blob ${idFromBytes<BlobId>(id)} does not match its id`,
      );
      return { label, error };
    });
  }
}

function plainLength({ sealed, uncompressedLength }: SealedBlob): number {
  return uncompressedLength === 0 ? Math.max(0, sealed.length - SEAL_OVERHEAD) : uncompressedLength;
}
