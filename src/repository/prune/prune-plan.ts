// Which packs stay, go, or are written anew: restic's rules, as a pure function.
import type { PackId } from '../../base/ids.ts';
import { type BlobCount, PackType, type PackUsage } from './pack-usage.ts';
import { type CompleteRules, maxUnusedBytes } from './prune-rules.ts';

export interface PackFile {
  readonly id: PackId;
  readonly sizeBytes: number;
}

export interface PackCount extends BlobCount {
  readonly packs: number;
}

/** What a prune does. Sizes are bytes as they are stored. */
export interface PrunePlan {
  /** What the vault holds: needed by a backup, further copies of that, needed by none. */
  readonly used: Readonly<BlobCount>;
  readonly duplicates: Readonly<BlobCount>;
  readonly unused: Readonly<BlobCount>;
  /** Packs that no index file lists: left by runs that were stopped. */
  readonly unindexed: { readonly packs: number; readonly bytes: number };
  readonly total: Readonly<BlobCount>;
  /** Packs with something to keep that are read, and what of them is not written again. */
  readonly repack: Readonly<PackCount>;
  readonly repackFrees: Readonly<BlobCount>;
  /** Packs that go as they are. */
  readonly remove: Readonly<PackCount>;
  /** What goes in all, and what stays. */
  readonly freed: Readonly<BlobCount>;
  readonly remaining: Readonly<BlobCount>;
  readonly unusedAfterBytes: number;
  readonly packs: {
    readonly used: number;
    readonly partlyUsed: number;
    readonly unused: number;
    readonly kept: number;
    /** Listed, but not there, and not needed: the index forgets them. */
    readonly missing: number;
  };
  /** Bytes in packs that stay and have something that could be compressed. */
  readonly uncompressedBytes: number;
  readonly packsToRemove: readonly PackId[];
  readonly packsToRepack: readonly PackId[];
  readonly unindexedPacks: readonly PackId[];
}

export const PackAction = { keep: 0, remove: 1, repack: 2, forget: 3 } as const;

export interface DecidedPrune {
  readonly plan: PrunePlan;
  /** A `PackAction` for each pack of the index. */
  readonly actions: Uint8Array;
}

const MIB = 1024 * 1024;
/** Fewer small packs than this are not worth the trouble, and a single one would be repacked for ever. */
const ENOUGH_SMALL_PACKS = 10;
const SMALL_SHARE = 0.8;

interface Candidate {
  readonly pack: number;
  readonly isData: boolean;
  readonly isSmall: boolean;
  /** Repacked whatever the limit of unused bytes says. */
  readonly isDue: boolean;
  readonly usedBytes: number;
  readonly unusedBytes: number;
}

export function decidePrune(
  usage: PackUsage,
  unindexed: readonly PackFile[],
  rules: CompleteRules,
  version: 1 | 2,
): DecidedPrune {
  const actions = new Uint8Array(usage.packCount);
  const remove = emptyCount();
  for (let pack = 0; pack < usage.packCount; pack++) {
    if (usage.usedBlobs(pack) > 0) continue;
    actions[pack] = usage.isMissing(pack) ? PackAction.forget : PackAction.remove;
    addTo(remove, usage.isMissing(pack) ? 0 : 1, usage.unusedBlobs(pack), usage.unusedBytes(pack));
  }
  const repack = emptyCount();
  const repackFrees = { blobs: 0, bytes: 0 };
  const unusedBytes = usage.unused.bytes + usage.duplicates.bytes;
  const limit = maxUnusedBytes(rules.maxUnused, usage.used.bytes);
  for (const candidate of findCandidates(usage, rules, version)) {
    const { pack } = candidate;
    const sizeBytes = candidate.usedBytes + candidate.unusedBytes;
    if (repack.bytes + sizeBytes >= rules.maxRepackBytes) continue;
    const isEnough = unusedBytes - remove.bytes - repackFrees.bytes < limit;
    if (isEnough && !candidate.isDue && !candidate.isSmall) continue;
    actions[pack] = PackAction.repack;
    addTo(repack, 1, usage.usedBlobs(pack) + usage.unusedBlobs(pack), sizeBytes);
    repackFrees.blobs += usage.unusedBlobs(pack);
    repackFrees.bytes += candidate.unusedBytes;
  }
  return { plan: describe(usage, unindexed, actions, { remove, repack, repackFrees }), actions };
}

/** Packs that may be repacked, the most urgent first: those with trees, then small ones, then those with least use. */
function findCandidates(usage: PackUsage, rules: CompleteRules, version: 1 | 2): Candidate[] {
  const smallBytes = smallPackBytes(usage, rules);
  const candidates: Candidate[] = [];
  const small: Candidate[] = [];
  for (let pack = 0; pack < usage.packCount; pack++) {
    if (usage.usedBlobs(pack) === 0) continue;
    const type = usage.type(pack);
    if (rules.repackCacheableOnly && type === PackType.data) continue;
    const compresses =
      version === 2 &&
      usage.isRaw(pack) &&
      (type === PackType.tree || (type === PackType.data && rules.repackUncompressed));
    const candidate: Candidate = {
      pack,
      isData: type === PackType.data,
      isSmall: usage.fileBytes(pack) < smallBytes,
      isDue: type !== PackType.data || compresses,
      usedBytes: usage.usedBytes(pack),
      unusedBytes: usage.unusedBytes(pack),
    };
    if (usage.unusedBlobs(pack) > 0 || type === PackType.mixed || compresses) candidates.push(candidate);
    else if (candidate.isSmall) small.push(candidate);
  }
  if (small.length >= ENOUGH_SMALL_PACKS) candidates.push(...small);
  return candidates.sort(byUrgency);
}

function byUrgency(a: Candidate, b: Candidate): number {
  if (a.isData !== b.isData) return a.isData ? 1 : -1;
  if (a.isSmall !== b.isSmall) return a.isSmall ? -1 : 1;
  return b.unusedBytes * a.usedBytes - a.unusedBytes * b.usedBytes;
}

/** restic's: by wish four fifths of a full pack, else of what nearly all packs of the vault have, or of 4 MiB. */
function smallPackBytes(usage: PackUsage, { repackSmall, packSizeBytes }: CompleteRules): number {
  if (repackSmall) return SMALL_SHARE * packSizeBytes;
  const sizes = Float64Array.from({ length: usage.packCount }, (_, pack) => usage.fileBytes(pack)).sort();
  const low = sizes[Math.floor(sizes.length * 0.03)] ?? 0;
  return SMALL_SHARE * Math.max(4 * MIB, low);
}

interface Counts {
  readonly remove: PackCount;
  readonly repack: PackCount;
  readonly repackFrees: BlobCount;
}

function describe(
  usage: PackUsage,
  unindexed: readonly PackFile[],
  actions: Uint8Array,
  { remove, repack, repackFrees }: Counts,
): PrunePlan {
  const unindexedBytes = unindexed.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const { used, duplicates, unused } = usage;
  const total = {
    blobs: used.blobs + duplicates.blobs + unused.blobs,
    bytes: used.bytes + duplicates.bytes + unused.bytes + unindexedBytes,
  };
  const freed = {
    blobs: remove.blobs + repackFrees.blobs,
    bytes: remove.bytes + repackFrees.bytes + unindexedBytes,
  };
  return {
    used,
    duplicates,
    unused,
    unindexed: { packs: unindexed.length, bytes: unindexedBytes },
    total,
    repack,
    repackFrees,
    remove,
    freed,
    remaining: { blobs: total.blobs - freed.blobs, bytes: total.bytes - freed.bytes },
    unusedAfterBytes: unused.bytes + duplicates.bytes - remove.bytes - repackFrees.bytes,
    packs: countPacks(usage, actions),
    uncompressedBytes: uncompressedBytes(usage, actions),
    packsToRemove: idsOf(usage, actions, PackAction.remove),
    packsToRepack: idsOf(usage, actions, PackAction.repack),
    unindexedPacks: unindexed.map(({ id }) => id),
  };
}

function countPacks(usage: PackUsage, actions: Uint8Array): PrunePlan['packs'] {
  const packs = { used: 0, partlyUsed: 0, unused: 0, kept: 0, missing: 0 };
  for (let pack = 0; pack < usage.packCount; pack++) {
    if (usage.isMissing(pack)) packs.missing++;
    else if (usage.usedBlobs(pack) === 0) packs.unused++;
    else if (usage.unusedBlobs(pack) === 0) packs.used++;
    else packs.partlyUsed++;
    if (actions[pack] === PackAction.keep) packs.kept++;
  }
  return packs;
}

function uncompressedBytes(usage: PackUsage, actions: Uint8Array): number {
  let bytes = 0;
  for (let pack = 0; pack < usage.packCount; pack++) {
    if (actions[pack] === PackAction.keep && usage.isRaw(pack)) bytes += usage.fileBytes(pack);
  }
  return bytes;
}

function idsOf(usage: PackUsage, actions: Uint8Array, wanted: number): PackId[] {
  const ids: PackId[] = [];
  for (const [pack, action] of actions.entries()) if (action === wanted) ids.push(usage.index.packId(pack));
  return ids;
}

function emptyCount(): { -readonly [K in keyof PackCount]: PackCount[K] } {
  return { packs: 0, blobs: 0, bytes: 0 };
}

function addTo(total: ReturnType<typeof emptyCount>, packs: number, blobs: number, bytes: number): void {
  total.packs += packs;
  total.blobs += blobs;
  total.bytes += bytes;
}
