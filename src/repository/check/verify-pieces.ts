// Whether a pack is good, from its pieces one after the other: their memory is free as soon as they were looked at. What is
// wrong with one that is not is told by `PackVerifier`, which needs all of it. Synchronous, for the workers.
import { equalBytes } from '../../base/bytes.ts';
import { idToBytes } from '../../base/ids.ts';
import { isCairnError } from '../../base/errors.ts';
import { openBytes } from '../../formats/crypto/sealed.ts';
import { decodePackHeader, decodePackTrailer, PACK_TRAILER } from '../../formats/pack/pack-header.ts';
import type { Codec, RunningSha256, SealKey } from '../../kernels/codec.ts';
import { BlobBatch } from '../blob-batch.ts';
import type { BlobIndex } from '../index/blob-index.ts';
import { headerDifferences } from './compare-header.ts';
import type { CheckPiece } from './covering-pieces.ts';

/** A pack of which some pieces have come. */
interface BegunPack {
  readonly hash: RunningSha256;
  /** Up to here it has come. */
  end: number;
}

export class PieceVerifier {
  readonly #codec: Codec;
  readonly #key: SealKey;
  readonly #index: BlobIndex;
  readonly #blobCounts: Uint32Array;
  readonly #batch: BlobBatch<undefined>;
  readonly #begun = new Map<number, BegunPack>();
  /** What hashes is used again: each takes memory that no collection frees. */
  readonly #hashes: RunningSha256[] = [];
  readonly #digest = new Uint8Array(32);

  /** `blobCounts`: number of blobs the index lists for each pack. */
  constructor(codec: Codec, key: SealKey, index: BlobIndex, blobCounts: Uint32Array) {
    this.#codec = codec;
    this.#key = key;
    this.#index = index;
    this.#blobCounts = blobCounts;
    this.#batch = new BlobBatch(codec, key);
  }

  /** Whether the piece is good; of the last one, whether all of the pack is. Pieces of several packs may take turns. */
  verify(packNumber: number, piece: CheckPiece, bytes: Uint8Array): boolean {
    if (piece.start === 0) this.#begin(packNumber);
    const pack = this.#begun.get(packNumber);
    if (pack?.end !== piece.start) return false;
    pack.end = piece.end;
    pack.hash.update(bytes);
    const areGood = this.#areGood(piece, bytes);
    if (!piece.isLast) return areGood;
    const isNamed = this.#isNamed(packNumber);
    return areGood && isNamed && this.#hasHeader(packNumber, piece, bytes);
  }

  /** Forgets what has come of a pack. */
  drop(packNumber: number): void {
    const pack = this.#begun.get(packNumber);
    if (pack === undefined) return;
    pack.hash.digestInto(this.#digest);
    this.#hashes.push(pack.hash);
    this.#begun.delete(packNumber);
  }

  #begin(packNumber: number): void {
    this.drop(packNumber);
    this.#begun.set(packNumber, { hash: this.#hashes.pop() ?? this.#codec.createSha256(), end: 0 });
  }

  /** Whether the hash of all pieces is the name of the pack, which ends here. */
  #isNamed(packNumber: number): boolean {
    this.drop(packNumber);
    return equalBytes(this.#digest, idToBytes(this.#index.packId(packNumber)));
  }

  #areGood({ records, start }: CheckPiece, bytes: Uint8Array): boolean {
    let areGood = true;
    const judge = (): void => {
      for (const blob of this.#batch.take()) areGood &&= !('error' in blob);
    };
    for (const record of records) {
      const location = this.#index.location(record);
      if (location === undefined) return false;
      const { offset, length, uncompressedLength } = location;
      const sealed = bytes.subarray(offset - start, offset - start + length);
      const blob = { sealed, id: this.#index.idBytes(record), uncompressedLength };
      if (!this.#batch.hasRoomFor(blob)) judge();
      this.#batch.add(undefined, blob);
    }
    judge();
    return areGood;
  }

  /** Whether the header is where the blobs end, and says of them what the index says. */
  #hasHeader(packNumber: number, { records, start, end }: CheckPiece, bytes: Uint8Array): boolean {
    const last = this.#index.location(records.at(-1) ?? -1);
    const blobsEnd = last === undefined ? start : last.offset + last.length;
    try {
      const { headerOffset, headerLength } = decodePackTrailer(bytes.subarray(-PACK_TRAILER), end);
      if (headerOffset !== blobsEnd) return false;
      const sealed = bytes.subarray(headerOffset - start, headerOffset - start + headerLength);
      const entries = decodePackHeader(openBytes(this.#codec, this.#key, sealed), headerOffset);
      const listed = this.#blobCounts[packNumber] ?? 0;
      return headerDifferences(this.#index, packNumber, listed, entries).next().done === true;
    } catch (error) {
      if (isCairnError(error)) return false;
      throw error;
    }
  }
}
