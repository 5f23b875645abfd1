// The second half of a prune, alone in the vault: what came since the plan was made is looked at, the index is changed,
// and what is then in no index file is removed. It takes as long as what is new, not as long as the vault is large.
import { CairnError } from '../../base/errors.ts';
import { type IndexId, type PackId, shortId, type SnapshotId } from '../../base/ids.ts';
import { PackTable } from '../check/pack-table.ts';
import type { BlobIndex } from '../index/blob-index.ts';
import { extendIndex } from '../index/extend-index.ts';
import { replaceIndexFiles } from '../index/replace-index-files.ts';
import type { Repository } from '../repository.ts';
import { loadSnapshot, type SnapshotRecord } from '../snapshots.ts';
import { reachBlobs } from '../walk/reach-blobs.ts';
import { type PlannedPrune, throwLost } from './plan-prune.ts';
import { PackAction, type PackFile } from './prune-plan.ts';
import type { PruneProgress } from './prune-progress.ts';
import { type RemovedPacks, removePacks } from './remove-packs.ts';
import type { RepackResult } from './repack.ts';

export interface SwapOptions {
  readonly signal?: AbortSignal | undefined;
  /** Rejects unless the exclusive lock is surely held; called before each step that cannot be taken back. */
  readonly assertHeld: () => Promise<void>;
  readonly onProgress?: ((progress: PruneProgress) => void) | undefined;
}

export interface SwapResult {
  /** Snapshots that came since the plan was made. */
  readonly newSnapshots: number;
  /** Packs that were to go and stay, because one of these needs something in them. */
  readonly rescuedPacks: number;
  readonly removedPacks: readonly PackId[];
  readonly removedBytes: number;
  /** Packs that are in no index file any more and could not be removed: the next prune removes them. */
  readonly failed: RemovedPacks['failed'];
  readonly indexFilesWritten: number;
  readonly indexFilesRemoved: number;
}

/**
 * The caller holds the exclusive lock. Throws `PLAN_OUTDATED` where somebody changed the index since the plan was made,
 * and `PRUNE_REFUSED` where a new snapshot needs what is not there; nothing is removed then.
 */
export async function swapPacks(
  repository: Repository,
  planned: PlannedPrune,
  repacked: RepackResult,
  options: SwapOptions,
): Promise<SwapResult> {
  const { signal, assertHeld, onProgress } = options;
  onProgress?.({ phase: 'swap', completed: 0, total: undefined });
  // At once, since nobody else writes now; a blob of a new snapshot that were in no index file would be refused.
  const [snapshots, newFiles] = await Promise.all([
    newSnapshots(repository, planned.snapshots, signal),
    newIndexFiles(repository, planned, repacked, signal),
  ]);
  const packsOfFiles = new Map(planned.packsOfFiles);
  const index = await extendIndex(repository, planned.index, newFiles, { signal, packsOfFiles });
  const gone = goingPacks(planned, repacked);
  const rescuedPacks = await rescuePacks(repository, index, planned, gone, snapshots, signal);
  await assertHeld();
  const { written, removed } = await replaceIndexFiles(
    repository,
    index,
    { packsOfFiles, drop: gone, join: smallFiles(planned) },
    { signal, assertHeld },
  );
  await assertHeld();
  const unwanted = [...stillUnindexed(index, planned.unindexed), ...presentOf(planned, gone)];
  const { removed: removedFiles, failed } = await removePacks(repository, unwanted, {
    signal,
    onProgress: (completed) => onProgress?.({ phase: 'remove', completed, total: unwanted.length }),
  });
  return {
    newSnapshots: snapshots.length,
    rescuedPacks,
    removedPacks: removedFiles.map(({ id }) => id),
    removedBytes: removedFiles.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    failed,
    indexFilesWritten: written,
    indexFilesRemoved: removed,
  };
}

async function newSnapshots(
  repository: Repository,
  known: ReadonlySet<SnapshotId>,
  signal: AbortSignal | undefined,
): Promise<SnapshotRecord[]> {
  const records: SnapshotRecord[] = [];
  for await (const { id } of repository.listIds('snapshot', { signal })) {
    // Nobody removes one now: that it cannot be read is an error.
    if (!known.has(id)) records.push(await loadSnapshot(repository, id, { signal }));
  }
  return records;
}

/**
 * Index files that others wrote, and those of the new packs. Throws `PLAN_OUTDATED` where one is gone that was there:
 * then packs may be gone as well on which the plan relies.
 */
async function newIndexFiles(
  repository: Repository,
  { packsOfFiles }: PlannedPrune,
  repacked: RepackResult,
  signal: AbortSignal | undefined,
): Promise<IndexId[]> {
  const expected = new Set([...packsOfFiles.keys(), ...repacked.indexFiles]);
  const files: IndexId[] = [];
  for await (const { id } of repository.listIds('index', { signal })) {
    expected.delete(id);
    if (!packsOfFiles.has(id)) files.push(id);
  }
  if (expected.size === 0) return files;
  throw new CairnError('PLAN_OUTDATED', 'another program changed the index of the vault since this was planned', {
    hint: 'Nothing was removed. Run the command again; what was repacked is used then.',
    retry: 'later',
    facts: { indexFiles: [...expected] },
  });
}

/** Index files are full at 50,000 blobs. Each backup adds one, and each costs every program a request at its start. */
const SMALL_FILE_BLOBS = 25_000;
const MANY_SMALL_FILES = 8;

/** Those of the plan only: what others wrote since stays untouched. */
function smallFiles({ packsOfFiles, usage }: PlannedPrune): ReadonlySet<IndexId> {
  const blobsOf = (packs: readonly number[]): number =>
    packs.reduce((sum, pack) => sum + usage.usedBlobs(pack) + usage.unusedBlobs(pack), 0);
  const small = [...packsOfFiles].filter(([, packs]) => blobsOf(packs) < SMALL_FILE_BLOBS).map(([id]) => id);
  return new Set(small.length > MANY_SMALL_FILES ? small : []);
}

/** What goes by the plan. A pack with a damaged blob stays, for `repair packs`. */
function goingPacks({ actions }: PlannedPrune, { damagedPacks }: RepackResult): Set<number> {
  const gone = new Set<number>();
  for (const [pack, action] of actions.entries()) {
    if (action !== PackAction.keep && !damagedPacks.has(pack)) gone.add(pack);
  }
  return gone;
}

/**
 * A backup that ran meanwhile may refer to blobs that nothing needed when the plan was made. Takes the packs with them out
 * of `gone`; returns how many.
 */
async function rescuePacks(
  repository: Repository,
  index: BlobIndex,
  { needed, usage }: PlannedPrune,
  gone: Set<number>,
  snapshots: readonly SnapshotRecord[],
  signal: AbortSignal | undefined,
): Promise<number> {
  if (snapshots.length === 0) return 0;
  const reached = needed.grown(index);
  let rescued = 0;
  const rescue = (record: number): void => {
    const type = index.blobType(record);
    const copies = index.locations(type, index.idBytes(record)).map(({ packNumber }) => packNumber);
    if (copies.some((pack) => !gone.has(pack))) return;
    const pack = copies.find((one) => usage.isSound(one));
    if (pack === undefined) throwLost(type, index.blobId(record), 'a new backup');
    else if (gone.delete(pack)) rescued++;
  };
  await reachBlobs(
    repository,
    index,
    snapshots.map(({ id, snapshot }) => ({ tree: snapshot.tree, referrer: `snapshot ${shortId(id)}` })),
    {
      // What was needed before stays anyway: in a pack that is kept, or in a new one. Below such a tree all is known.
      reach: (_, record) => {
        const isNew = reached.add(record);
        if (isNew) rescue(record);
        return isNew;
      },
      missing: throwLost,
    },
    { table: new PackTable(index), signal },
  );
  return rescued;
}

/** Packs that were in no index file at the start and are in none now. Younger ones are somebody else's. */
function stillUnindexed(index: BlobIndex, packs: readonly PackFile[]): PackFile[] {
  const unindexed = new Map(packs.map((file) => [file.id, file]));
  for (let pack = 0; pack < index.packCount && unindexed.size > 0; pack++) unindexed.delete(index.packId(pack));
  return [...unindexed.values()];
}

function presentOf({ index, usage }: PlannedPrune, packs: ReadonlySet<number>): PackFile[] {
  return [...packs]
    .filter((pack) => !usage.isMissing(pack))
    .map((pack) => ({ id: index.packId(pack), sizeBytes: usage.fileBytes(pack) }));
}
