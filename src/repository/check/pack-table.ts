import { packHeaderEntrySize } from '../../formats/pack/pack-header.ts';
import { SEAL_OVERHEAD } from '../../kernels/codec.ts';
import { BLOB_TREE, type BlobIndex } from '../index/blob-index.ts';

const HEADER_FIXED_SIZE = SEAL_OVERHEAD + 4;
const HAS_DATA = 1;
const HAS_TREES = 2;

/** What the index says of each pack; the counts lie in shared memory, for the workers. */
export class PackTable {
  readonly #sizes: Float64Array;
  readonly #types: Uint8Array;
  /** Number of blobs the index lists for each pack. */
  readonly blobCounts: Uint32Array;

  constructor(index: BlobIndex) {
    this.#sizes = new Float64Array(index.packCount).fill(HEADER_FIXED_SIZE);
    this.#types = new Uint8Array(index.packCount);
    this.blobCounts = new Uint32Array(new SharedArrayBuffer(index.packCount * 4));
    for (let record = 0; record < index.size; record++) {
      const location = index.location(record);
      if (location === undefined) continue;
      const { packNumber } = location;
      this.#sizes[packNumber] = this.sizeBytes(packNumber) + location.length + packHeaderEntrySize(location);
      this.blobCounts[packNumber] = (this.blobCounts[packNumber] ?? 0) + 1;
      const type = index.blobType(record) === BLOB_TREE ? HAS_TREES : HAS_DATA;
      this.#types[packNumber] = (this.#types[packNumber] ?? 0) | type;
    }
  }

  /** Size of the pack's file, which follows from its blobs: their sum, an entry for each, and 36 bytes. */
  sizeBytes(packNumber: number): number {
    return this.#sizes[packNumber] ?? 0;
  }

  isMixed(packNumber: number): boolean {
    return this.#types[packNumber] === (HAS_DATA | HAS_TREES);
  }
}
