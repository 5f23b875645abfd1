import type { PackPiece } from '../arriving-pieces.ts';
import type { BlobIndex } from '../index/blob-index.ts';

/** Blobs of a pack that lie side by side; the last piece has the header as well. */
export interface CheckPiece extends PackPiece {
  readonly records: Uint32Array;
  readonly isLast: boolean;
}

/** Sealed bytes of the blobs of a piece. */
const PIECE_BYTES = 2 * 1024 * 1024;

/** The records of all blobs, by pack: 4 bytes a blob. */
export class PackRecords {
  readonly #index: BlobIndex;
  readonly #starts: Float64Array;
  readonly #records: Uint32Array;

  /** `blobCounts`: number of blobs the index lists for each pack. */
  constructor(index: BlobIndex, blobCounts: Uint32Array) {
    this.#index = index;
    this.#starts = new Float64Array(blobCounts.length + 1);
    for (const [pack, count] of blobCounts.entries()) this.#starts[pack + 1] = (this.#starts[pack] ?? 0) + count;
    this.#records = new Uint32Array(this.#starts[blobCounts.length] ?? 0);
    const next = this.#starts.slice();
    for (let record = 0; record < index.size; record++) {
      const pack = index.location(record)?.packNumber;
      if (pack === undefined) continue;
      const at = next[pack] ?? 0;
      this.#records[at] = record;
      next[pack] = at + 1;
    }
  }

  /**
   * Pieces that are together all of a pack of that size. Undefined where that is not to be told from the index: by it,
   * something lies between blobs, or they overlap.
   */
  pieces(packNumber: number, sizeBytes: number): CheckPiece[] | undefined {
    const own = this.#records.slice(this.#starts[packNumber], this.#starts[packNumber + 1]);
    own.sort((a, b) => this.#offset(a) - this.#offset(b));
    const pieces: CheckPiece[] = [];
    let first = 0;
    let start = 0;
    let end = 0;
    for (const [at, record] of own.entries()) {
      const length = this.#index.location(record)?.length ?? 0;
      if (this.#offset(record) !== end) return undefined;
      if (at > first && end + length - start > PIECE_BYTES) {
        pieces.push({ start, end, records: own.slice(first, at), isLast: false });
        first = at;
        start = end;
      }
      end += length;
    }
    if (end >= sizeBytes) return undefined;
    pieces.push({ start, end: sizeBytes, records: own.slice(first), isLast: true });
    return pieces;
  }

  #offset(record: number): number {
    return this.#index.location(record)?.offset ?? 0;
  }
}
