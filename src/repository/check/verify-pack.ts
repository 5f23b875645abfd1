// Everything that can be said about one pack from its bytes and the index. Synchronous, for the workers.
import { equalBytes } from '../../base/bytes.ts';
import { messageOf } from '../../base/errors.ts';
import { idToBytes } from '../../base/ids.ts';
import { openBytes } from '../../formats/crypto/sealed.ts';
import { decodePackHeader, decodePackTrailer, PACK_TRAILER, type PackEntry } from '../../formats/pack/pack-header.ts';
import { type Codec, SEAL_OVERHEAD, type SealKey } from '../../kernels/codec.ts';
import { BLOB_DATA, BLOB_TREE, type BlobIndex } from '../index/blob-index.ts';
import { objectName } from '../layout.ts';
import { type Finding, type FindingKind, makeFinding } from './finding.ts';

export class PackVerifier {
  readonly #codec: Codec;
  readonly #key: SealKey;
  readonly #index: BlobIndex;
  readonly #blobCounts: Uint32Array;
  readonly #hash = new Uint8Array(32);
  #opened = new Uint8Array(1024 * 1024);
  #plain = new Uint8Array(1024 * 1024);

  /** `blobCounts`: number of blobs the index lists for each pack. */
  constructor(codec: Codec, key: SealKey, index: BlobIndex, blobCounts: Uint32Array) {
    this.#codec = codec;
    this.#key = key;
    this.#index = index;
    this.#blobCounts = blobCounts;
  }

  /** What is wrong with the pack: its hash, its header, its header against the index, each of its blobs. */
  verify(packNumber: number, bytes: Uint8Array): Finding[] {
    const id = this.#index.packId(packNumber);
    const object = objectName('pack', id);
    const findings: Finding[] = [];
    const add = (kind: FindingKind, message: string): void => {
      findings.push(makeFinding(kind, object, message));
    };
    this.#codec.sha256(bytes, this.#hash);
    if (!equalBytes(this.#hash, idToBytes(id))) add('pack-damaged', 'its content does not match its name');
    let entries: readonly PackEntry[];
    try {
      entries = this.#readHeader(bytes);
      for (const message of this.#compareWithIndex(packNumber, entries)) add('pack-damaged', message);
    } catch (error) {
      add('pack-damaged', `its header cannot be read: ${messageOf(error)}`);
      entries = this.#entriesByIndex(packNumber);
    }
    for (const entry of entries) {
      const message = this.#verifyBlob(bytes, entry);
      if (message !== undefined) add('blob-damaged', `${entry.type} blob ${entry.id}: ${message}`);
    }
    return findings;
  }

  #readHeader(bytes: Uint8Array): PackEntry[] {
    const { headerOffset, headerLength } = decodePackTrailer(bytes.subarray(-PACK_TRAILER), bytes.length);
    const sealed = bytes.subarray(headerOffset, headerOffset + headerLength);
    // The decoder checks that the blobs follow each other without gaps up to the header.
    return decodePackHeader(openBytes(this.#codec, this.#key, sealed), headerOffset);
  }

  *#compareWithIndex(packNumber: number, entries: readonly PackEntry[]): Generator<string> {
    for (const entry of entries) {
      const isListed = this.#index
        .locations(entry.type === 'tree' ? BLOB_TREE : BLOB_DATA, idToBytes(entry.id))
        .some(
          (at) =>
            at.packNumber === packNumber &&
            at.offset === entry.offset &&
            at.length === entry.length &&
            at.uncompressedLength === entry.uncompressedLength,
        );
      if (!isListed) yield `the index does not list ${entry.type} blob ${entry.id} where the header has it`;
    }
    const listed = this.#blobCounts[packNumber] ?? 0;
    if (listed !== entries.length) yield `the index lists ${listed} blobs, the header has ${entries.length}`;
  }

  // Only for packs whose header is damaged: this looks at the whole index.
  #entriesByIndex(packNumber: number): PackEntry[] {
    const entries: PackEntry[] = [];
    for (let record = 0; record < this.#index.size; record++) {
      const at = this.#index.location(record);
      if (at?.packNumber !== packNumber) continue;
      const { offset, length, uncompressedLength } = at;
      const type = this.#index.blobType(record) === BLOB_TREE ? 'tree' : 'data';
      entries.push({ type, id: this.#index.blobId(record), offset, length, uncompressedLength });
    }
    return entries.sort((a, b) => a.offset - b.offset);
  }

  #verifyBlob(bytes: Uint8Array, entry: PackEntry): string | undefined {
    try {
      const sealed = bytes.subarray(entry.offset, entry.offset + entry.length);
      if (sealed.length !== entry.length) return 'it lies outside the pack';
      this.#codec.sha256(this.#open(sealed, entry.uncompressedLength), this.#hash);
      return equalBytes(this.#hash, idToBytes(entry.id)) ? undefined : 'its content does not match its id';
    } catch (error) {
      return messageOf(error);
    }
  }

  #open(sealed: Uint8Array, uncompressedLength: number): Uint8Array {
    this.#opened = atLeast(this.#opened, sealed.length - SEAL_OVERHEAD);
    const size = this.#codec.openInto(this.#key, sealed, this.#opened);
    const opened = this.#opened.subarray(0, size);
    if (uncompressedLength === 0) return opened;
    this.#plain = atLeast(this.#plain, uncompressedLength);
    const written = this.#codec.decompressInto(opened, this.#plain.subarray(0, uncompressedLength));
    return this.#plain.subarray(0, written);
  }
}

function atLeast(buffer: Uint8Array<ArrayBuffer>, size: number): Uint8Array<ArrayBuffer> {
  return buffer.length >= size ? buffer : new Uint8Array(Math.max(size, buffer.length * 2));
}
