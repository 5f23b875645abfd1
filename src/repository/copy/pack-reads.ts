import type { BlobIndex } from '../index/blob-index.ts';

/** One read from a pack: blobs that lie near each other, by ascending offset. */
export interface PackRead {
  readonly packNumber: number;
  /** Bytes from the start of the pack. */
  readonly offset: number;
  readonly length: number;
  /** Record numbers. */
  readonly records: Uint32Array;
}

export interface ReadLimits {
  /** Bytes of one read, unless one blob alone has more. */
  readonly bytes: number;
  /** Bytes between two blobs that are read rather than skipped. */
  readonly gap: number;
  readonly blobs: number;
}

/** Packs and offsets in one double are exact up to 2 million packs, and still in order far beyond: no two blobs are nearer than 32 bytes. */
const PACK_SPAN = 2 ** 32;

/** The reads that fetch these blobs, each byte at most once, pack by pack in the order of the index. */
export function* planReads(index: BlobIndex, records: Uint32Array, limits: ReadLimits): Generator<PackRead> {
  const sorted = inPackOrder(index, records);
  let first = 0;
  let packNumber = -1;
  let start = 0;
  let end = 0;
  for (let at = 0; at < sorted.length; at++) {
    const location = index.location(sorted[at] ?? 0);
    if (location === undefined) continue;
    const blobEnd = location.offset + location.length;
    const isApart =
      location.packNumber !== packNumber ||
      location.offset - end > limits.gap ||
      blobEnd - start > limits.bytes ||
      at - first >= limits.blobs;
    if (isApart) {
      if (at > first) yield { packNumber, offset: start, length: end - start, records: sorted.subarray(first, at) };
      ({ packNumber } = location);
      first = at;
      start = location.offset;
      end = blobEnd;
    }
    end = Math.max(end, blobEnd);
  }
  if (sorted.length > first) {
    yield { packNumber, offset: start, length: end - start, records: sorted.subarray(first) };
  }
}

function inPackOrder(index: BlobIndex, records: Uint32Array): Uint32Array {
  const keys = Float64Array.from(records, (record) => {
    const location = index.location(record);
    return location === undefined ? 0 : location.packNumber * PACK_SPAN + location.offset;
  });
  const order = Uint32Array.from(records, (_, at) => at).sort((a, b) => (keys[a] ?? 0) - (keys[b] ?? 0));
  return order.map((at) => records[at] ?? 0);
}
