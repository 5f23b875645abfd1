// Builds one pack in memory: sealed blobs one after the other, then the sealed header and its length
// (restic's format, "Pack Format"). The pack's id, the SHA-256 of the whole file, is computed while it
// grows, along with the hashes of the blobs that come. Synchronous: it runs in the worker threads.
import { CairnError, messageOf } from '../base/errors.ts';
import { type BlobId, ID_SIZE, idFromBytes } from '../base/ids.ts';
import { SEAL_OVERHEAD, type Codec, type GrowingSha256, type SealKey } from '../kernels/codec.ts';
import { BlobDecoder } from './blob-codec.ts';
import type { BlobTypeBit } from './index/blob-index.ts';

const RAW_ENTRY_SIZE = 37;
const COMPRESSED_ENTRY_SIZE = 41;
const COMPRESSED = 2;
const LENGTH_FIELD = 4;
const NO_MEMORY = new Uint8Array(0);

/** A pack is closed at this many blobs even when it is small: the header stays below half a megabyte. */
export const MAX_BLOBS_PER_PACK = 12_000;

/** Room that a pack needs beside its blobs. */
export const PACK_HEADER_ROOM: number = MAX_BLOBS_PER_PACK * COMPRESSED_ENTRY_SIZE + SEAL_OVERHEAD + LENGTH_FIELD;

/** A blob handed over sealed, or to be sealed. */
export interface StoredBlob {
  /** Sealed bytes in the pack. */
  readonly length: number;
  /** Bytes it takes in the repository, with its header entry. */
  readonly packedLength: number;
}

export interface FinishedPack {
  /** SHA-256 of the file, 32 bytes. */
  readonly id: Uint8Array;
  readonly sizeBytes: number;
  /** Plaintext of the header: what the index has to know. */
  readonly header: Uint8Array;
  readonly blobCount: number;
}

/** A pack that another builder goes on with: its sealed blobs lie where it was begun. */
export interface UnfinishedPack {
  /** Bytes of the blobs. */
  readonly sizeBytes: number;
  /** Plaintext of the header. */
  readonly header: Uint8Array;
  readonly blobCount: number;
}

export interface PackBuilderOptions {
  /**
   * Opens, decompresses and hashes every blob again as soon as it is sealed: a faulty compressor, cipher, processor or
   * memory is then found before the pack leaves this machine, and not years later.
   */
  readonly verify?: boolean;
}

export class PackBuilder {
  readonly #codec: Codec;
  readonly #key: SealKey;
  readonly #hash: GrowingSha256;
  readonly #verifier: BlobDecoder | undefined;
  readonly #header: Uint8Array = new Uint8Array(MAX_BLOBS_PER_PACK * COMPRESSED_ENTRY_SIZE);
  readonly #headerView: DataView = new DataView(this.#header.buffer);
  #buffer: Uint8Array;
  #sizeBytes = 0;
  #headerSize = 0;
  #blobCount = 0;

  /** Builds in `buffer`, which must have room for the largest pack and `PACK_HEADER_ROOM`. */
  constructor(codec: Codec, key: SealKey, buffer: Uint8Array, { verify = false }: PackBuilderOptions = {}) {
    this.#codec = codec;
    this.#key = key;
    this.#hash = codec.createGrowingSha256();
    this.#verifier = verify ? new BlobDecoder(codec, key) : undefined;
    this.#buffer = buffer;
  }

  /** Bytes of the blobs so far. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  get blobCount(): number {
    return this.#blobCount;
  }

  /** The sealed blobs so far. */
  get blobs(): Uint8Array {
    return this.#buffer.subarray(0, this.#sizeBytes);
  }

  /** Plaintext of the header so far. */
  get header(): Uint8Array {
    return this.#header.slice(0, this.#headerSize);
  }

  hasRoomFor(plainBytes: number): boolean {
    return this.#sizeBytes + plainBytes + SEAL_OVERHEAD + PACK_HEADER_ROOM <= this.#buffer.length;
  }

  /** Adds a blob as it is. */
  addRaw(type: BlobTypeBit, id: Uint8Array, plain: Uint8Array): StoredBlob {
    const length = this.#codec.sealInto(this.#key, plain, this.#buffer.subarray(this.#sizeBytes));
    return this.#append(type, id, length, 0);
  }

  /**
   * Adds a blob compressed, or as it is where compression does not shrink it. The compressed bytes are
   * made where they will lie and sealed in place.
   */
  addCompressed(type: BlobTypeBit, id: Uint8Array, plain: Uint8Array, level: number): StoredBlob {
    const at = this.#sizeBytes;
    const target = this.#buffer.subarray(at + 16, at + 16 + Math.max(0, plain.length - 1));
    const size = plain.length > 1 ? this.#codec.compressInto(plain, target, level) : 0;
    if (size === 0) return this.addRaw(type, id, plain);
    const length = this.#codec.sealInto(this.#key, target.subarray(0, size), this.#buffer.subarray(at));
    return this.#append(type, id, length, plain.length);
  }

  /** Adds a blob that is compressed already: `encoded` is one zstd frame of `plainLength` bytes. */
  addEncoded(type: BlobTypeBit, id: Uint8Array, encoded: Uint8Array, plainLength: number): StoredBlob {
    const length = this.#codec.sealInto(this.#key, encoded, this.#buffer.subarray(this.#sizeBytes));
    return this.#append(type, id, length, plainLength);
  }

  /** Adds a blob as another pack has it sealed. `plainLength` is 0 for one that is not compressed. */
  addCopy(type: BlobTypeBit, id: Uint8Array, sealed: Uint8Array, plainLength: number): StoredBlob {
    this.#buffer.set(sealed, this.#sizeBytes);
    return this.#append(type, id, sealed.length, plainLength);
  }

  /** Takes over blobs that another builder has sealed, with their header entries. */
  addSealed(blobs: Uint8Array, header: Uint8Array, blobCount: number): void {
    this.#buffer.set(blobs, this.#sizeBytes);
    this.#header.set(header, this.#headerSize);
    this.#sizeBytes += blobs.length;
    this.#hash.grow(this.blobs);
    this.#headerSize += header.length;
    this.#blobCount += blobCount;
  }

  /** Appends header and length. The pack lies in the buffer; go on with `restart`. */
  finish(): FinishedPack {
    if (this.#blobCount === 0) throw new CairnError('PACK_CORRUPT', 'a pack holds at least one blob');
    const header = this.header;
    const sealed = this.#buffer.subarray(this.#sizeBytes, this.#sizeBytes + header.length + SEAL_OVERHEAD);
    this.#codec.sealInto(this.#key, header, sealed);
    const end = this.#sizeBytes + sealed.length;
    const lengthField = new Uint8Array(LENGTH_FIELD);
    new DataView(lengthField.buffer).setUint32(0, sealed.length, true);
    this.#buffer.set(lengthField, end);
    this.#hash.grow(this.#buffer.subarray(0, end + LENGTH_FIELD));
    const id = new Uint8Array(ID_SIZE);
    this.#hash.digestInto(id);
    return { id, sizeBytes: end + LENGTH_FIELD, header, blobCount: this.#blobCount };
  }

  /** Goes on in a larger buffer. */
  moveTo(buffer: Uint8Array): void {
    buffer.set(this.blobs);
    this.#buffer = buffer;
    this.#hash.grow(this.blobs);
  }

  /**
   * Leaves the pack to another builder (`addSealed`), which may be in another thread: this one looks at its memory no more.
   * Go on with `restart`.
   */
  handOver(): UnfinishedPack {
    const { sizeBytes, header, blobCount } = this;
    this.restart(NO_MEMORY);
    return { sizeBytes, header, blobCount };
  }

  /** Begins an empty pack in `buffer`. */
  restart(buffer: Uint8Array): void {
    // The pack before may have been given up.
    this.#hash.reset();
    this.#buffer = buffer;
    this.#sizeBytes = 0;
    this.#headerSize = 0;
    this.#blobCount = 0;
  }

  #append(type: BlobTypeBit, id: Uint8Array, length: number, plainLength: number): StoredBlob {
    this.#verify(id, length, plainLength);
    const at = this.#headerSize;
    const isRaw = plainLength === 0;
    this.#header[at] = type + (isRaw ? 0 : COMPRESSED);
    this.#headerView.setUint32(at + 1, length, true);
    if (!isRaw) this.#headerView.setUint32(at + 5, plainLength, true);
    const entrySize = isRaw ? RAW_ENTRY_SIZE : COMPRESSED_ENTRY_SIZE;
    this.#header.set(id.subarray(0, ID_SIZE), at + entrySize - ID_SIZE);
    this.#headerSize += entrySize;
    this.#sizeBytes += length;
    this.#hash.grow(this.blobs);
    this.#blobCount++;
    return { length, packedLength: length + entrySize };
  }

  #verify(id: Uint8Array, length: number, plainLength: number): void {
    try {
      this.#verifier?.decode(this.#buffer.subarray(this.#sizeBytes, this.#sizeBytes + length), id, plainLength);
    } catch (cause) {
      const blob = idFromBytes<BlobId>(id);
      throw new CairnError(
        'WRITE_VERIFY_FAILED',
        `blob ${blob} did not come back as it went in when it was opened again: ${messageOf(cause)}`,
        {
          hint: 'Nothing of it was stored. Test the memory of this machine, and run it again with CAIRN_NATIVE=off.',
          cause,
          facts: { blob },
        },
      );
    }
  }
}
