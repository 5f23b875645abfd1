import { setImmediate as nextTurn } from 'node:timers/promises';
import { asBuffer, utf8Lossy } from '../base/bytes.ts';
import { messageOf } from '../base/errors.ts';
import type { BlobId } from '../base/ids.ts';
import { openPosix } from '../base/posix/open-posix.ts';
import { AT_FDCWD, STAT_FIELDS, StatField, type Posix } from '../base/posix/posix.ts';
import type { GoTime } from '../formats/go-time.ts';
import type { Codec } from '../kernels/codec.ts';
import type { Repository } from '../repository/repository.ts';
import { ArchiveStats, type ArchiveProgress } from './archive-stats.ts';
import { tellingOddAttributes } from './attribute-names.ts';
import { isSteady } from './change-detection.ts';
import { startEngine, type Engine, type EngineOptions } from './engine.ts';
import { NodeEncoder } from './node-encoder.ts';
import type { Listing, Scout } from './scout.ts';
import type { SourceDirectory, SourceProblem } from './source.ts';
import type { BigFile, StatRunResult, TaskDone } from './worker/messages.ts';
import type { WorkerPool } from './worker-pool.ts';

export interface SessionParts extends Omit<EngineOptions, 'stats' | 'report'> {
  readonly repository: Repository;
  readonly pool: WorkerPool;
  readonly scout: Scout;
  readonly time: GoTime;
  /** See `ArchiveOptions`. */
  readonly softStop: AbortSignal | undefined;
  readonly onProgress: ((progress: ArchiveProgress) => void) | undefined;
  readonly onProblem: ((problem: SourceProblem) => void) | undefined;
}

/** The node of a file. */
export interface SavedFile {
  readonly node: Uint8Array;
  /** Whether nothing was reported of it. */
  readonly isSteady: boolean;
}

/** A task of a thread takes about as long. */
const GIVE_WAY_EVERY_MS = 2;

const NOTHING: Listing = { entries: [], problems: [], runs: [], stats: undefined };

/** One backup under way: the parts that walking and saving share. */
export class ArchiveSession {
  readonly pool: WorkerPool;
  readonly scout: Scout;
  readonly codec: Codec;
  readonly time: GoTime;
  readonly softStop: AbortSignal | undefined;
  readonly signal: AbortSignal | undefined;
  readonly stats: ArchiveStats;
  readonly problems: SourceProblem[] = [];
  readonly encoder: NodeEncoder;
  readonly posix: Posix = tellingOddAttributes(openPosix());
  readonly #parts: SessionParts;
  #engine: Promise<Engine> | undefined;
  #gaveWayAt = 0;

  constructor(parts: SessionParts) {
    this.#parts = parts;
    this.pool = parts.pool;
    this.scout = parts.scout;
    this.codec = parts.repository.codec;
    this.time = parts.time;
    this.signal = parts.signal;
    this.softStop = parts.softStop;
    this.stats = new ArchiveStats(parts.onProgress);
    this.encoder = new NodeEncoder(this.posix, { withAtime: parts.reading.withAtime });
  }

  /** The part that saves; started by the first who needs it, so that an unchanged source does not load the index. */
  engine(): Promise<Engine> {
    this.#engine ??= startEngine(this.#parts.repository, this.pool, {
      ...this.#parts,
      stats: this.stats,
      report: (problem) => this.report(problem),
    });
    return this.#engine;
  }

  /**
   * To be awaited now and then while a source is looked at, which never waits for anything: what has been read of the vault, and what
   * threads have done, can only go on in between.
   */
  async giveWay(): Promise<void> {
    if (this.#engine === undefined || performance.now() - this.#gaveWayAt < GIVE_WAY_EVERY_MS) return;
    await nextTurn();
    this.#gaveWayAt = performance.now();
  }

  /** Stores all that is unfinished, if anything had to be saved. Returns the engine then. */
  async finish(): Promise<Engine | undefined> {
    const engine = await this.#engine;
    await engine?.finish();
    return engine;
  }

  /** After a failure: lists what is stored already, so that the next run goes on from there. Never rejects. */
  async keepProgress(): Promise<void> {
    try {
      await (await this.#engine)?.keepProgress();
    } catch {
      // Why the run failed says more.
    }
  }

  /** Whether nothing more is to be read. */
  get isStopping(): boolean {
    return this.#parts.softStop?.aborted === true;
  }

  /** The entries of a directory; problems with it are reported. */
  list(directory: SourceDirectory): Listing {
    if (this.isStopping) return NOTHING;
    const listing = this.scout.list(directory);
    for (const problem of listing.problems) this.report(problem);
    return listing;
  }

  /** Everything is handed out: sends what still waits for company. */
  async flush(): Promise<void> {
    this.scout.flush();
    if (this.#engine !== undefined) (await this.#engine).batcher.flush();
  }

  /** A tree of the parent snapshot, or `undefined` if it cannot be read: its files then count as new. */
  async loadParentTree(id: BlobId): Promise<Uint8Array | undefined> {
    return (await this.engine()).parentTrees.read(id);
  }

  async saveTree(json: Uint8Array): Promise<BlobId> {
    return (await this.engine()).trees.save(json).id;
  }

  report(problem: SourceProblem): void {
    this.problems.push(problem);
    this.stats.addError();
    this.#parts.onProblem?.(problem);
  }

  /** Cuts a big file with all workers and returns its node. Reports one that changed meanwhile. */
  async saveBigFile({ path, sizeBytes, isNew }: BigFile): Promise<SavedFile> {
    const before = this.#stat(path);
    this.stats.setPath(utf8Lossy(path));
    const { bigFiles } = await this.engine();
    const { content, sizeBytes: savedBytes } = await bigFiles.save(path, sizeBytes, this.softStop);
    const after = this.#stat(path);
    const wasSteady = isSteady(before, after) && after[StatField.sizeBytes] === BigInt(savedBytes);
    if (!wasSteady) {
      this.report({ path, code: 'SOURCE_CHANGED', message: 'it changed while it was read', during: 'read' });
    }
    this.stats.addFile(isNew ? 'new' : 'changed');
    let areWhole = true;
    const xattrs = this.posix.lgetxattrs(path, (_, error) => {
      areWhole = false;
      this.report({ path, code: 'SOURCE_UNREADABLE', message: messageOf(error), during: 'stat' });
    });
    const name = path.subarray(asBuffer(path).lastIndexOf(0x2f) + 1);
    this.encoder.writer.clear();
    this.encoder.writeLeaf({ name, stat: before, xattrs, content, sizeBytes: savedBytes });
    return { node: this.encoder.writer.take(), isSteady: wasSteady && areWhole };
  }

  countDirectory(change: 'new' | 'changed' | 'unmodified'): void {
    this.stats.addDirectory(change);
  }

  /** Counts a directory that is as it was. */
  countKnown(directory: SourceDirectory, runs: readonly StatRunResult[], subdirectories: number): void {
    for (let i = 0; i < subdirectories; i++) this.stats.addDirectory('unmodified');
    let files = 0;
    let bytes = 0;
    for (const { counts } of runs) {
      for (let i = 0; i < counts.length; i += 2) {
        files += counts[i] ?? 0;
        bytes += counts[i + 1] ?? 0;
      }
    }
    this.countKnownLeaves(directory, files, bytes);
  }

  /** Counts leaves that are as they were. */
  countKnownLeaves({ path }: SourceDirectory, files: number, bytes: number): void {
    const leaves = { filesNew: 0, filesChanged: 0, filesUnmodified: files, bytes };
    this.stats.addLeaves(leaves, utf8Lossy(path ?? new Uint8Array(0)));
  }

  countStreamed(bytes: number, name: Uint8Array): void {
    this.stats.setPath(utf8Lossy(name));
    this.stats.addBytes(bytes);
  }

  countTask(task: TaskDone): void {
    this.stats.addBlobs(task.blobs);
  }

  #stat(path: Uint8Array): BigInt64Array {
    const stat = new BigInt64Array(STAT_FIELDS);
    if (!this.posix.statInto(AT_FDCWD, path, stat)) throw new Error('it vanished before it could be read');
    return stat;
  }
}
