import { BLOB_TREE, type BlobIndex, type BlobTypeBit } from '../index/blob-index.ts';
import type { RecordSet } from '../index/record-set.ts';
import { PackAction } from './prune-plan.ts';

/** Blobs of one type in one pack, near enough to each other to be read at once; ascending by offset. */
export interface RepackPart {
  readonly packNumber: number;
  readonly type: BlobTypeBit;
  readonly records: Uint32Array;
  /** Range of the pack that holds them all. */
  readonly start: number;
  readonly end: number;
}

export interface PartLimits {
  /** Sealed bytes from the first to the last blob. */
  readonly bytes: number;
  /** Bytes between two blobs that are read rather than skipped. */
  readonly gap: number;
}

/** What is kept of the packs that are repacked: trees first, pack by pack. Memory: 4 bytes a blob. */
export function* repackParts(
  index: BlobIndex,
  kept: RecordSet,
  actions: Uint8Array,
  limits: PartLimits,
): Generator<RepackPart> {
  const { starts, records } = groupByPack(index, kept, actions);
  for (const type of [BLOB_TREE, 0] as const) {
    for (let pack = 0; pack < actions.length; pack++) {
      if (actions[pack] !== PackAction.repack) continue;
      const own = records.subarray(starts[pack], starts[pack + 1]).filter((record) => index.blobType(record) === type);
      own.sort((a, b) => offsetOf(index, a) - offsetOf(index, b));
      yield* cut(index, pack, type, own, limits);
    }
  }
}

/** A part in smaller ones. */
export function pieces(index: BlobIndex, part: RepackPart, limits: PartLimits): RepackPart[] {
  return [...cut(index, part.packNumber, part.type, part.records, limits)];
}

/** A counting sort. */
function groupByPack(
  index: BlobIndex,
  kept: RecordSet,
  actions: Uint8Array,
): { readonly starts: Uint32Array; readonly records: Uint32Array } {
  const starts = new Uint32Array(actions.length + 1);
  const packOf = (record: number): number => {
    const pack = index.location(record)?.packNumber ?? -1;
    return actions[pack] === PackAction.repack ? pack : -1;
  };
  for (const record of kept) {
    const pack = packOf(record);
    if (pack >= 0) starts[pack + 1] = (starts[pack + 1] ?? 0) + 1;
  }
  for (let pack = 0; pack < actions.length; pack++) starts[pack + 1] = (starts[pack + 1] ?? 0) + (starts[pack] ?? 0);
  const records = new Uint32Array(starts[actions.length] ?? 0);
  const next = starts.slice();
  for (const record of kept) {
    const pack = packOf(record);
    if (pack < 0) continue;
    const at = next[pack] ?? 0;
    records[at] = record;
    next[pack] = at + 1;
  }
  return { starts, records };
}

function* cut(
  index: BlobIndex,
  packNumber: number,
  type: BlobTypeBit,
  records: Uint32Array,
  limits: PartLimits,
): Generator<RepackPart> {
  let first = 0;
  let start = 0;
  let end = 0;
  for (const [at, record] of records.entries()) {
    const location = index.location(record);
    const offset = location?.offset ?? 0;
    const blobEnd = offset + (location?.length ?? 0);
    if (at > first && (blobEnd - start > limits.bytes || offset - end > limits.gap)) {
      yield { packNumber, type, records: records.slice(first, at), start, end };
      first = at;
    }
    if (at === first) start = offset;
    end = at === first ? blobEnd : Math.max(end, blobEnd);
  }
  if (records.length > first) yield { packNumber, type, records: records.slice(first), start, end };
}

function offsetOf(index: BlobIndex, record: number): number {
  return index.location(record)?.offset ?? 0;
}
