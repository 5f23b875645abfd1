// Backs up a source: walk → chunk → blobs → packs → index → trees → snapshot. The snapshot is written last,
// when all it names is durable, so that a crash at any instant leaves every finished backup whole.
import { abortedError } from '../base/job.ts';
import { systemClock, type Clock } from '../base/clock.ts';
import type { BlobId, SnapshotId } from '../base/ids.ts';
import type { ChunkerSpec } from '../formats/chunker/chunker.ts';
import { localGoTime, type GoTime } from '../formats/go-time.ts';
import type { RepositoryConfig } from '../formats/snapshot/config.ts';
import type { Snapshot } from '../formats/snapshot/snapshot.ts';
import { zstdLevel, type CompressionLevel } from '../repository/compression.ts';
import { loadIndex } from '../repository/index/load-index.ts';
import { PackWriter } from '../repository/pack-writer.ts';
import type { Repository } from '../repository/repository.ts';
import { saveSnapshot, type SnapshotRecord } from '../repository/snapshots.ts';
import { ArchiveSession } from './archive-session.ts';
import type { ArchiveProgress } from './archive-stats.ts';
import type { ListingAhead } from './listing-ahead.ts';
import { storeLeftovers } from './leftover-packs.ts';
import type { Source, SourceProblem } from './source.ts';
import { TreeSaver } from './tree-saver.ts';
import { WorkerPool } from './worker-pool.ts';

/** restic's target: a pack is complete with the blob that reaches it. */
const DEFAULT_PACK_BYTES = 16 * 1024 * 1024;
/** Room for new blobs before the index has to move. */
const NEW_BLOBS = 1 << 19;

export interface ArchiveOptions {
  readonly source: Source;
  /** The snapshot to compare with; without one, every file is read. */
  readonly parent?: SnapshotRecord | undefined;
  /** Read every file, whatever the parent says. */
  readonly force?: boolean;
  readonly ignoreInode?: boolean;
  readonly ignoreCtime?: boolean;
  readonly withAtime?: boolean;
  readonly time: GoTime;
  readonly hostname: string;
  readonly username: string;
  readonly uid?: number;
  readonly gid?: number;
  readonly tags: readonly string[];
  readonly programVersion: string;
  readonly compression?: CompressionLevel;
  readonly packSizeBytes?: number;
  /** Number of worker threads; the machine's cores by default. */
  readonly jobs?: number;
  /** Threads that were started earlier, to load their code meanwhile; closed by `archive`. */
  readonly pool?: WorkerPool;
  /** Directories of the source that were listed meanwhile. */
  readonly listing?: ListingAhead;
  readonly dryRun?: boolean;
  /** When aborted, save what was finished as a snapshot tagged `partial`. */
  readonly keepPartial?: boolean;
  /** Save no snapshot when its tree is the parent's. */
  readonly skipIfUnchanged?: boolean;
  readonly signal?: AbortSignal;
  readonly clock?: Clock;
  readonly onProgress?: (progress: ArchiveProgress) => void;
  readonly onProblem?: (problem: SourceProblem) => void;
}

export interface ArchiveResult {
  /** `partial`: something could not be read and is missing in the snapshot. `skipped`: nothing changed. */
  readonly status: 'complete' | 'partial' | 'skipped';
  /** `undefined` after a dry run and when skipped. */
  readonly id: SnapshotId | undefined;
  readonly snapshot: Snapshot;
  readonly problems: readonly SourceProblem[];
}

/** Backs up `source` into `repository`, whose lock the caller holds. Throws `ABORTED` and what storage throws. */
export async function archive(repository: Repository, options: ArchiveOptions): Promise<ArchiveResult> {
  const { signal, dryRun = false } = options;
  const clock = options.clock ?? systemClock;
  const backupStart = localGoTime(clock.nowNs());
  await using pool = options.pool ?? new WorkerPool(options.jobs);
  const onAbort = (): void => pool.fail(abortedError(signal?.reason));
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    const session = await openSession(repository, pool, options);
    const parentTree = options.force === true ? undefined : options.parent?.snapshot.tree;
    const tree = await new TreeSaver(session, session.posix).save(options.source.root, parentTree);
    session.stats.setPhase('finish');
    await finishPacks(session, repository, dryRun);
    const backupEnd = localGoTime(clock.nowNs());
    const snapshot = makeSnapshot(options, tree, session, backupStart, backupEnd);
    return await finish(repository, options, snapshot, session.problems);
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
}

interface OpenSession extends ArchiveSession {
  readonly packs: PackWriter;
}

async function openSession(repository: Repository, pool: WorkerPool, options: ArchiveOptions): Promise<OpenSession> {
  const { signal, dryRun = false, packSizeBytes = DEFAULT_PACK_BYTES } = options;
  const index = await loadIndex(repository, { signal, room: { blobs: NEW_BLOBS, packs: 0 } });
  const packs = new PackWriter(repository, { signal, dryRun });
  pool.setup(
    {
      index: index.memory,
      key: repository.key,
      chunker: chunkerOf(repository.config),
      level: repository.config.version === 1 ? undefined : zstdLevel(options.compression ?? 'auto'),
      packSizeBytes,
      reading: {
        maxFileSize: options.source.maxFileSize,
        ignoreInode: options.ignoreInode ?? false,
        ignoreCtime: options.ignoreCtime ?? false,
        withAtime: options.withAtime ?? false,
      },
    },
    async ({ pack }, bytes) => {
      await packs.store(pack, bytes);
      if (packs.failure !== undefined) pool.fail(packs.failure.error);
    },
  );
  const session = new ArchiveSession({
    repository,
    index,
    pool,
    packs,
    packSizeBytes,
    time: options.time,
    withAtime: options.withAtime ?? false,
    signal,
    listing: options.listing,
    onProgress: options.onProgress,
    onProblem: options.onProblem,
  });
  return Object.assign(session, { packs });
}

async function finishPacks(session: OpenSession, repository: Repository, dryRun: boolean): Promise<void> {
  await session.pool.settled();
  await storeLeftovers(session.pool, session.packs, repository);
  session.trees.flush();
  await session.pool.settled();
  if (!dryRun) await session.packs.flush();
}

function chunkerOf(config: RepositoryConfig): ChunkerSpec {
  return config.chunker === 'gear' ? { kind: 'gear' } : { kind: 'rabin', polynomial: config.chunkerPolynomial };
}

function makeSnapshot(
  options: ArchiveOptions,
  tree: BlobId,
  session: ArchiveSession,
  backupStart: GoTime,
  backupEnd: GoTime,
): Snapshot {
  return {
    time: options.time,
    ...(options.parent === undefined ? {} : { parent: options.parent.id }),
    tree,
    paths: options.source.paths,
    hostname: options.hostname,
    username: options.username,
    uid: options.uid ?? process.getuid?.() ?? 0,
    gid: options.gid ?? process.getgid?.() ?? 0,
    excludes: options.source.excludes,
    tags: options.tags,
    programVersion: options.programVersion,
    summary: session.stats.summary(session.trees.stats, backupStart, backupEnd),
    extra: {},
  };
}

async function finish(
  repository: Repository,
  options: ArchiveOptions,
  snapshot: Snapshot,
  problems: readonly SourceProblem[],
): Promise<ArchiveResult> {
  if (options.skipIfUnchanged === true && options.parent?.snapshot.tree === snapshot.tree) {
    return { status: 'skipped', id: undefined, snapshot, problems };
  }
  options.signal?.throwIfAborted();
  const id = options.dryRun === true ? undefined : await saveSnapshot(repository, snapshot, { signal: options.signal });
  return { status: problems.length > 0 ? 'partial' : 'complete', id, snapshot, problems };
}
