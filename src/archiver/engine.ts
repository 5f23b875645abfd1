import { utf8Lossy } from '../base/bytes.ts';
import type { IndexId, PackId } from '../base/ids.ts';
import type { ChunkerSpec } from '../formats/chunker/chunker.ts';
import type { RepositoryConfig } from '../formats/snapshot/config.ts';
import { zstdLevel, type CompressionLevel } from '../repository/compression.ts';
import { GrowingIndex } from './growing-index.ts';
import type { BlobIndex } from '../repository/index/blob-index.ts';
import { loadIndex } from '../repository/index/load-index.ts';
import { type ExpectedPack, expectedPacks, findLostPacks } from '../repository/index/lost-packs.ts';
import { PackWriter } from '../repository/pack-writer.ts';
import type { Repository } from '../repository/repository.ts';
import { sparePacks } from '../repository/spare-packs.ts';
import type { ArchiveStats } from './archive-stats.ts';
import { BigFileSaver } from './big-file-saver.ts';
import { LeafBatcher } from './leaf-batcher.ts';
import { storeLeftovers } from './leftover-packs.ts';
import { ParentTreeReader } from './parent-tree-reader.ts';
import type { SourceProblem } from './source.ts';
import { TreeStore } from './tree-store.ts';
import type { ReadingRules } from './worker/messages.ts';
import type { PoolSetup, WorkerPool } from './worker-pool.ts';

/** restic's target: a pack is complete with the blob that reaches it. */
const DEFAULT_PACK_BYTES = 16 * 1024 * 1024;
/** What a thread reads of a file at once, where it is less than all it could: packs on their way to a server need the memory. */
const REMOTE_READ_BYTES = 4 * 1024 * 1024;
/** Room for new blobs before the index has to move. */
const NEW_BLOBS = 1 << 19;

/** The lock under which a backup writes. */
export interface WriteLock {
  /** Nothing is written before this resolves: a lock may still be settling. */
  readonly settled: Promise<unknown>;
  /** Rejects unless the lock is surely held. */
  assertHeld(): Promise<void>;
}

export interface EngineOptions {
  readonly compression: CompressionLevel | undefined;
  readonly packSizeBytes: number | undefined;
  /** `undefined`: where the storage is slower than the processor. */
  readonly verifyWrites: boolean | undefined;
  readonly reading: ReadingRules;
  readonly dryRun: boolean;
  readonly signal: AbortSignal | undefined;
  readonly lock: WriteLock | undefined;
  readonly stats: ArchiveStats;
  readonly report: (problem: SourceProblem) => void;
  /** Told of packs that the index lists and that are gone. What is known only from them is saved again. */
  readonly onLostPacks?: ((packs: readonly PackId[]) => void) | undefined;
}

/** What saves blobs and trees, once something has to be saved. */
export interface Engine {
  readonly batcher: LeafBatcher;
  readonly bigFiles: BigFileSaver;
  readonly trees: TreeStore;
  readonly parentTrees: ParentTreeReader;
  /** The index files that list what this run saved or found saved: those it loaded and those it wrote. */
  indexIds(): readonly IndexId[];
  /** The packs that have these blobs. */
  packs(): readonly ExpectedPack[];
  /** Stores all that is unfinished; afterwards everything saved is durable and indexed. */
  finish(): Promise<void>;
  /** Lists what is stored already, for the next run. Where the pool has failed. */
  keepProgress(): Promise<void>;
}

/** Loads the index and sets the workers up. */
export async function startEngine(repository: Repository, pool: WorkerPool, options: EngineOptions): Promise<Engine> {
  const { signal, dryRun, stats, lock, packSizeBytes = DEFAULT_PACK_BYTES } = options;
  const verify = options.verifyWrites ?? repository.storage.features.remote;
  // It takes its time to start, on another core, while this one loads the index and looks at the rest of the source.
  pool.start(1);
  const loadedIds: IndexId[] = [];
  const room = { blobs: NEW_BLOBS, packs: 0 };
  const listed = await loadIndex(repository, { signal, room, onLoaded: (id) => loadedIds.push(id) });
  const known = await withoutLost(repository, listed, options);
  const index = new GrowingIndex(known.index);
  const packs = new PackWriter(repository, {
    signal,
    dryRun,
    writeGate: lock?.settled,
    assertHeld: lock && (() => lock.assertHeld()),
  });
  const setup = { ...setupOf(repository, options), index: index.current.memory, packSizeBytes, verify };
  pool.setup(setup, index, async ({ pack }, bytes) => {
    await packs.store(pack, bytes);
    if (packs.failure !== undefined) pool.fail(packs.failure.error);
  });
  const trees = new TreeStore(repository, index, packs, { packSizeBytes, verify });
  return {
    trees,
    parentTrees: new ParentTreeReader(repository, index.current, signal),
    batcher: new LeafBatcher(pool, ({ stats: leaves, problems, task, directory }) => {
      for (const problem of problems) options.report(problem);
      stats.addLeaves(leaves, utf8Lossy(directory));
      stats.addBlobs(task.blobs);
    }),
    bigFiles: new BigFileSaver(pool, (task, bytes) => {
      stats.addBytes(bytes);
      stats.addBlobs(task.blobs);
    }),
    indexIds: () => [...loadedIds, ...packs.indexIds],
    packs: () => (repository.origin.features.localPath === undefined ? [] : [...known.packs, ...packs.stored]),
    finish: async () => {
      await pool.idle();
      // On a slow line each takes its time, so they go together with what is still on its way.
      trees.flush();
      await storeLeftovers(pool, packs, repository, packSizeBytes);
      await packs.flush();
    },
    keepProgress: async () => {
      await pool.settled();
      await packs.saveProgress();
    },
  };
}

type OfThisRun = 'index' | 'packSizeBytes' | 'verify';

/** What threads are told that only the vault and the caller decide. */
function setupOf(
  { config, key, storage: { features } }: Repository,
  { compression = 'auto', reading }: EngineOptions,
): Omit<PoolSetup, OfThisRun> {
  return {
    key,
    chunker: chunkerOf(config),
    level: config.version === 1 ? undefined : zstdLevel(compression),
    sparePacks: sparePacks(features),
    readBytes: features.remote ? REMOTE_READ_BYTES : undefined,
    reading,
  };
}

/** The index of what is there: a blob in a pack that is gone is one that has to be saved. */
async function withoutLost(
  { origin }: Repository,
  index: BlobIndex,
  { signal, onLostPacks }: EngineOptions,
): Promise<{ readonly index: BlobIndex; readonly packs: readonly ExpectedPack[] }> {
  // Where nobody can look, nobody has to remember.
  const packs = origin.features.localPath === undefined ? [] : expectedPacks(index);
  const lost = await findLostPacks(origin, packs, signal);
  if (lost.size === 0) return { index, packs };
  onLostPacks?.([...lost]);
  const numbers = new Set(packs.flatMap(({ id }, number) => (lost.has(id) ? [number] : [])));
  return { index: index.without(numbers), packs: packs.filter(({ id }) => !lost.has(id)) };
}

function chunkerOf(config: RepositoryConfig): ChunkerSpec {
  return config.chunker === 'gear' ? { kind: 'gear' } : { kind: 'rabin', polynomial: config.chunkerPolynomial };
}
