import type { BlobIndex } from '../../repository/index/blob-index.ts';
import { blobSize } from '../../repository/blob-size.ts';
import { Float64Column, Uint32Column } from '../../base/column.ts';

/** How a file gets its content. */
export const FileWay = {
  /** New, one blob: created complete in one go. */
  whole: 0,
  /** New, several blobs: created first, then written in any order. */
  parts: 1,
  /** There already: only what differs is rewritten. */
  patch: 2,
} as const;

/** Blobs of one pack that one job reads, as positions in the plan by ascending offset in the pack. */
export interface PackPart {
  readonly packNumber: number;
  readonly writes: Uint32Array;
  /** Range of the pack that holds them all. */
  readonly start: number;
  readonly end: number;
}

export interface PartLimits {
  /** Sealed bytes from the first to the last blob. */
  readonly bytes: number;
  readonly writes: number;
  /** Bytes between two blobs that are read rather than skipped. */
  readonly gap: number;
}

/**
 * Which blob goes where: one row for each blob of each file, in columns. Grouped by pack it gives the order
 * of reading.
 */
export class ContentPlan {
  readonly #index: BlobIndex;
  readonly #files = new Float64Column();
  readonly #ways = new Uint32Column();
  readonly #writeCounts = new Uint32Column();
  readonly #blobs = new Uint32Column();
  readonly #owners = new Uint32Column();
  readonly #offsets = new Float64Column();

  constructor(index: BlobIndex) {
    this.#index = index;
  }

  get fileCount(): number {
    return this.#files.length;
  }

  /** Adds a file by the reference of its record; returns its number. */
  addFile(reference: number, way: number): number {
    this.#ways.push(way);
    this.#writeCounts.push(0);
    return this.#files.push(reference);
  }

  addWrite(file: number, blob: number, offset: number): void {
    this.#owners.push(file);
    this.#blobs.push(blob);
    this.#offsets.push(offset);
    this.#writeCounts.set(file, this.#writeCounts.at(file) + 1);
  }

  reference(file: number): number {
    return this.#files.at(file);
  }
  way(file: number): number {
    return this.#ways.at(file);
  }
  /** Number of blobs that are written into a file. */
  writeCount(file: number): number {
    return this.#writeCounts.at(file);
  }
  blob(write: number): number {
    return this.#blobs.at(write);
  }
  file(write: number): number {
    return this.#owners.at(write);
  }
  offset(write: number): number {
    return this.#offsets.at(write);
  }

  /** Numbers of the packs that hold the content, in the order they are first needed. */
  packNumbers(): number[] {
    const packs = new Set<number>();
    for (let write = 0; write < this.#blobs.length; write++) {
      const location = this.#index.location(this.#blobs.at(write));
      if (location !== undefined) packs.add(location.packNumber);
    }
    return [...packs];
  }

  /** All writes, pack by pack in the order the packs are first needed, cut into parts of limited size. */
  *parts(limits: PartLimits): Generator<PackPart> {
    const { packs, starts, order } = this.#groupByPack();
    for (const [group, packNumber] of packs.entries()) {
      const writes = order.subarray(starts[group], starts[group + 1]);
      yield* this.#cut(packNumber, this.#byOffset(writes), limits);
    }
  }

  /** A part in smaller ones. */
  *pieces({ packNumber, writes }: PackPart, limits: PartLimits): Generator<PackPart> {
    yield* this.#cut(packNumber, writes, limits);
  }

  /** A counting sort: 4 bytes for each write, no objects. */
  #groupByPack(): { readonly packs: number[]; readonly starts: Uint32Array; readonly order: Uint32Array } {
    const count = this.#blobs.length;
    const groupOfPack = new Map<number, number>();
    const packs: number[] = [];
    const groups = new Uint32Array(count);
    const sizes = new Uint32Column();
    for (let write = 0; write < count; write++) {
      const packNumber = this.#index.location(this.#blobs.at(write))?.packNumber ?? 0;
      let group = groupOfPack.get(packNumber);
      if (group === undefined) {
        group = sizes.push(0);
        groupOfPack.set(packNumber, group);
        packs.push(packNumber);
      }
      groups[write] = group;
      sizes.set(group, sizes.at(group) + 1);
    }
    const starts = new Uint32Array(packs.length + 1);
    for (let group = 0; group < packs.length; group++) starts[group + 1] = (starts[group] ?? 0) + sizes.at(group);
    const next = starts.slice();
    const order = new Uint32Array(count);
    for (let write = 0; write < count; write++) {
      const group = groups[write] ?? 0;
      const at = next[group] ?? 0;
      order[at] = write;
      next[group] = at + 1;
    }
    return { packs, starts, order };
  }

  #byOffset(writes: Uint32Array): Uint32Array {
    // Offset and position in one double: 32 + 21 bits, sorted natively.
    const span = 2 ** 21;
    if (writes.length > span) return writes.slice().sort((a, b) => this.#start(a) - this.#start(b));
    const keys = Float64Array.from(writes, (write, position) => this.#start(write) * span + position).sort();
    return Uint32Array.from(keys, (key) => writes[key % span] ?? 0);
  }

  #start(write: number): number {
    return this.#index.location(this.#blobs.at(write))?.offset ?? 0;
  }

  *#cut(packNumber: number, writes: Uint32Array, limits: PartLimits): Generator<PackPart> {
    let first = 0;
    let start = 0;
    let end = 0;
    for (const [at, write] of writes.entries()) {
      const location = this.#index.location(this.blob(write));
      const offset = location?.offset ?? 0;
      const blobEnd = offset + (location?.length ?? 0);
      // Writes of one blob stay together, so that it is decoded once.
      const isSame = at > first && offset < end && this.blob(write) === this.blob(writes[at - 1] ?? 0);
      const isFull = blobEnd - start > limits.bytes || at - first >= limits.writes || offset - end > limits.gap;
      if (at > first && !isSame && isFull) {
        yield { packNumber, writes: writes.subarray(first, at), start, end };
        first = at;
      }
      if (at === first) start = offset;
      end = at === first ? blobEnd : Math.max(end, blobEnd);
    }
    if (writes.length > first) yield { packNumber, writes: writes.subarray(first), start, end };
  }
}

/** Sizes of the contents of a file's blobs added up. */
export function contentLength(
  index: BlobIndex,
  blobs: { readonly blobCount: number; blob(position: number): number },
): number {
  let size = 0;
  for (let position = 0; position < blobs.blobCount; position++) size += blobSize(index.location(blobs.blob(position)));
  return size;
}
