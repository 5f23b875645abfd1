// Everything that can be said about one pack from its bytes and the index. Synchronous, for the workers.
import { equalBytes } from '../../base/bytes.ts';
import { hasCode, messageOf } from '../../base/errors.ts';
import { idToBytes, type PackId } from '../../base/ids.ts';
import { openBytes } from '../../formats/crypto/sealed.ts';
import { decodePackHeader, decodePackTrailer, PACK_TRAILER, type PackEntry } from '../../formats/pack/pack-header.ts';
import { type Codec, type GrowingSha256, type SealKey } from '../../kernels/codec.ts';
import { BlobBatch } from '../blob-batch.ts';
import { BLOB_TREE, type BlobIndex } from '../index/blob-index.ts';
import { objectName } from '../layout.ts';
import { headerDifferences } from './compare-header.ts';
import { type Finding, type FindingKind, makeFinding } from './finding.ts';

/** Part of a pack, in bytes. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

export class PackVerifier {
  readonly #codec: Codec;
  readonly #key: SealKey;
  readonly #index: BlobIndex;
  readonly #blobCounts: Uint32Array;
  readonly #hash: PackHash;
  readonly #batch: BlobBatch<PackEntry>;

  /** `blobCounts`: number of blobs the index lists for each pack. */
  constructor(codec: Codec, key: SealKey, index: BlobIndex, blobCounts: Uint32Array) {
    this.#codec = codec;
    this.#key = key;
    this.#index = index;
    this.#blobCounts = blobCounts;
    this.#hash = new PackHash(codec);
    this.#batch = new BlobBatch(codec, key);
  }

  /**
   * What is wrong with the pack: its hash, its header, its header against the index, each of its blobs.
   * `bytes` may still be on its way: each step names the range that has to be there before the next step.
   */
  *verify(packNumber: number, bytes: Uint8Array): Generator<ByteRange, Finding[]> {
    const id = this.#index.packId(packNumber);
    const object = objectName('pack', id);
    const findings: Finding[] = [];
    const add: AddFinding = (kind, message) => findings.push(makeFinding(kind, object, message));
    // The last pack may have been given up half way.
    this.#hash.reset();
    this.#batch.take();
    let entries: readonly PackEntry[];
    try {
      entries = yield* this.#readHeader(bytes);
      const listed = this.#blobCounts[packNumber] ?? 0;
      for (const message of headerDifferences(this.#index, packNumber, listed, entries)) add('pack-damaged', message);
    } catch (error) {
      add('pack-damaged', `its header cannot be read: ${messageOf(error)}`);
      entries = this.#entriesByIndex(packNumber);
    }
    for (const entry of entries) {
      const end = Math.min(entry.offset + entry.length, bytes.length);
      yield { start: Math.min(entry.offset, end), end };
      this.#hash.advance(bytes, end);
      this.#openBlob(bytes, entry, add);
    }
    this.#judgeBlobs(add);
    yield { start: 0, end: bytes.length };
    this.#hash.advance(bytes, bytes.length);
    if (!this.#hash.equals(id)) add('pack-damaged', 'its content does not match its name');
    return findings;
  }

  *#readHeader(bytes: Uint8Array): Generator<ByteRange, PackEntry[]> {
    yield { start: Math.max(0, bytes.length - PACK_TRAILER), end: bytes.length };
    const { headerOffset, headerLength } = decodePackTrailer(bytes.subarray(-PACK_TRAILER), bytes.length);
    yield { start: headerOffset, end: bytes.length };
    const sealed = bytes.subarray(headerOffset, headerOffset + headerLength);
    // The decoder checks that the blobs follow each other without gaps up to the header.
    return decodePackHeader(openBytes(this.#codec, this.#key, sealed), headerOffset);
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

  #openBlob(bytes: Uint8Array, entry: PackEntry, add: AddFinding): void {
    const sealed = bytes.subarray(entry.offset, entry.offset + entry.length);
    if (sealed.length !== entry.length) {
      this.#batch.addFailed(entry, new Error('it lies outside the pack'));
      return;
    }
    const blob = { sealed, id: idToBytes(entry.id), uncompressedLength: entry.uncompressedLength };
    if (!this.#batch.hasRoomFor(blob)) this.#judgeBlobs(add);
    this.#batch.add(entry, blob);
  }

  #judgeBlobs(add: AddFinding): void {
    for (const blob of this.#batch.take()) {
      if (!('error' in blob)) continue;
      const { type, id } = blob.label;
      const message = hasCode(blob.error, 'BLOB_CORRUPT') ? 'its content does not match its id' : messageOf(blob.error);
      add('blob-damaged', `${type} blob ${id}: ${message}`);
    }
  }
}

type AddFinding = (kind: FindingKind, message: string) => void;

/** Verifies a pack whose bytes are all there. */
export function verifyAtOnce(verifier: PackVerifier, packNumber: number, bytes: Uint8Array): Finding[] {
  const steps = verifier.verify(packNumber, bytes);
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** The hash of a pack that is gone over from start to end, in steps. Its bytes have to stay until `equals`. */
class PackHash {
  readonly #growing: GrowingSha256;
  readonly #digest = new Uint8Array(32);
  #position = 0;

  constructor(codec: Codec) {
    this.#growing = codec.createGrowingSha256();
  }

  reset(): void {
    this.#growing.reset();
    this.#position = 0;
  }

  /** Takes in everything up to `end` that was not taken in before. */
  advance(bytes: Uint8Array, end: number): void {
    if (end <= this.#position) return;
    this.#growing.grow(bytes.subarray(0, end));
    this.#position = end;
  }

  equals(id: PackId): boolean {
    this.#growing.digestInto(this.#digest);
    this.#position = 0;
    return equalBytes(this.#digest, idToBytes(id));
  }
}
