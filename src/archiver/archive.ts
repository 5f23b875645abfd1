// Backs up a source: walk → chunk → blobs → packs → index → trees → snapshot. The snapshot is written last,
// when all it names is durable, so that a crash at any instant leaves every finished backup whole.
import { systemClock, type Clock } from '../base/clock.ts';
import { CairnError } from '../base/errors.ts';
import { shortId, type BlobId, type PackId, type SnapshotId } from '../base/ids.ts';
import { abortedError } from '../base/job.ts';
import { localGoTime, type GoTime } from '../formats/go-time.ts';
import type { Snapshot, SnapshotSummary } from '../formats/snapshot/snapshot.ts';
import type { CompressionLevel } from '../repository/compression.ts';
import type { Repository } from '../repository/repository.ts';
import { isPartial, withPartialTag } from '../formats/snapshot/partial-tag.ts';
import { saveSnapshot, type SnapshotRecord } from '../repository/snapshots.ts';
import { ArchiveSession } from './archive-session.ts';
import type { ArchiveProgress } from './archive-stats.ts';
import type { WriteLock } from './engine.ts';
import { Scout } from './scout.ts';
import type { Source, SourceProblem } from './source.ts';
import { SourceMemory } from './source-memory.ts';
import { TreeSaver, type Before } from './tree-saver.ts';
import { WorkerPool } from './worker-pool.ts';

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
  /** Open and hash every blob again before its pack is stored; by default where the storage is remote. */
  readonly verifyWrites?: boolean | undefined;
  /** Number of worker threads; the machine's cores by default. */
  readonly jobs?: number;
  /** What was begun while the vault was being opened; its pool is closed by `archive`. */
  readonly ahead?: { readonly pool: WorkerPool; readonly scout: Scout };
  /** Where to remember what was seen of the source; `undefined` = do not. */
  readonly memoryFolder?: string | undefined;
  readonly lock?: WriteLock | undefined;
  readonly dryRun?: boolean;
  /** When it aborts, nothing more is read, what was saved becomes a snapshot tagged `partial`, and `ABORTED` names it. */
  readonly softStop?: AbortSignal | undefined;
  /** Save no snapshot when its tree is the parent's. */
  readonly skipIfUnchanged?: boolean;
  readonly signal?: AbortSignal;
  readonly clock?: Clock;
  /** Told how many bytes the files have, once all were looked at. When it throws, no snapshot is saved. Not after a soft stop. */
  readonly onWalked?: (bytes: number) => Promise<void>;
  readonly onProgress?: (progress: ArchiveProgress) => void;
  readonly onProblem?: (problem: SourceProblem) => void;
  /** See `EngineOptions`. */
  readonly onLostPacks?: (packs: readonly PackId[]) => void;
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
  const { signal } = options;
  const clock = options.clock ?? systemClock;
  const backupStart = localGoTime(clock.nowNs());
  await using pool = options.ahead?.pool ?? new WorkerPool(options.jobs);
  const onAbort = (): void => pool.fail(abortedError(signal?.reason));
  signal?.throwIfAborted();
  signal?.addEventListener('abort', onAbort, { once: true });
  let session: ArchiveSession | undefined;
  try {
    const memory = await SourceMemory.open(repository, options);
    session = openSession(repository, pool, options);
    const before = beforeOf(options, memory);
    // All will be read.
    if (before === undefined) pool.start();
    const saved = await new TreeSaver(session, session.posix).save(options.source.root, before);
    if (!isStopped(options)) await options.onWalked?.(session.stats.bytes);
    session.stats.setPhase('finish');
    const engine = await session.finish();
    await options.lock?.settled;
    await options.lock?.assertHeld();
    const trees = engine?.trees.stats ?? { treeBlobs: 0, dataAdded: 0, dataAddedPacked: 0 };
    const summary = session.stats.summary(trees, backupStart, localGoTime(clock.nowNs()));
    const result = await finish(
      repository,
      options,
      makeSnapshot(options, saved.tree, summary, session.problems),
      session.problems,
    );
    if (isStopped(options)) throw partialError(options.softStop?.reason, result.id);
    if (result.id !== undefined) await memory.keep(result.id, saved, engine);
    return result;
  } catch (error) {
    pool.fail(error);
    await session?.keepProgress();
    throw error;
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
}

function beforeOf({ force, parent }: ArchiveOptions, memory: SourceMemory): Before | undefined {
  if (force === true || parent === undefined) return undefined;
  const known = memory.known?.tree === parent.snapshot.tree ? memory.known : undefined;
  return { tree: parent.snapshot.tree, known };
}

function openSession(repository: Repository, pool: WorkerPool, options: ArchiveOptions): ArchiveSession {
  const scout = options.ahead?.scout ?? new Scout(pool);
  scout.stop();
  return new ArchiveSession({
    repository,
    pool,
    scout,
    time: options.time,
    compression: options.compression,
    packSizeBytes: options.packSizeBytes,
    verifyWrites: options.verifyWrites,
    reading: {
      maxFileSize: options.source.maxFileSize,
      ignoreInode: options.ignoreInode ?? false,
      ignoreCtime: options.ignoreCtime ?? false,
      withAtime: options.withAtime ?? false,
    },
    dryRun: options.dryRun ?? false,
    signal: options.signal,
    softStop: options.softStop,
    lock: options.lock,
    onProgress: options.onProgress,
    onProblem: options.onProblem,
    onLostPacks: options.onLostPacks,
  });
}

function isStopped({ softStop }: ArchiveOptions): boolean {
  return softStop?.aborted === true;
}

function partialError(reason: unknown, id: SnapshotId | undefined): CairnError {
  const what = id === undefined ? 'nothing was saved' : `what was read so far is in snapshot ${shortId(id)}`;
  return new CairnError('ABORTED', `stopped on request; ${what}`, {
    cause: reason,
    facts: id === undefined ? {} : { snapshot: id },
  });
}

function makeSnapshot(
  options: ArchiveOptions,
  tree: BlobId,
  summary: SnapshotSummary,
  problems: readonly SourceProblem[],
): Snapshot {
  const lacksSomething = problems.length > 0 || isStopped(options);
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
    tags: lacksSomething ? withPartialTag(options.tags) : options.tags,
    programVersion: options.programVersion,
    summary,
    extra: {},
  };
}

/** A whole one is not there yet where the same tree is marked as partial: what was missing may be left out now. */
function isSaved({ tree, tags }: Snapshot, parent: SnapshotRecord | undefined): boolean {
  return parent?.snapshot.tree === tree && (isPartial(tags) || !isPartial(parent.snapshot.tags));
}

async function finish(
  repository: Repository,
  options: ArchiveOptions,
  snapshot: Snapshot,
  problems: readonly SourceProblem[],
): Promise<ArchiveResult> {
  if (options.skipIfUnchanged === true && !isStopped(options) && isSaved(snapshot, options.parent)) {
    return { status: 'skipped', id: undefined, snapshot, problems };
  }
  options.signal?.throwIfAborted();
  const id = options.dryRun === true ? undefined : await saveSnapshot(repository, snapshot, { signal: options.signal });
  return { status: problems.length > 0 ? 'partial' : 'complete', id, snapshot, problems };
}
