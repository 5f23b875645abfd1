import { asBuffer, utf8Lossy } from '../base/bytes.ts';
import { messageOf } from '../base/errors.ts';
import type { BlobId } from '../base/ids.ts';
import { openPosix } from '../base/posix/open-posix.ts';
import { AT_FDCWD, STAT_FIELDS, StatField, type Posix } from '../base/posix/posix.ts';
import type { GoTime } from '../formats/go-time.ts';
import type { BlobIndex } from '../repository/index/blob-index.ts';
import type { PackWriter } from '../repository/pack-writer.ts';
import type { Repository } from '../repository/repository.ts';
import { ArchiveStats, type ArchiveProgress } from './archive-stats.ts';
import { BigFileSaver } from './big-file-saver.ts';
import { LeafBatcher } from './leaf-batcher.ts';
import { NodeEncoder } from './node-encoder.ts';
import type { ListingAhead } from './listing-ahead.ts';
import { ParentTreeReader } from './parent-tree-reader.ts';
import type { SourceDirectory, SourceEntry, SourceProblem } from './source.ts';
import { TreeStore } from './tree-store.ts';
import type { BigFile, TaskDone } from './worker/messages.ts';
import type { WorkerPool } from './worker-pool.ts';

export interface SessionParts {
  readonly repository: Repository;
  readonly index: BlobIndex;
  readonly pool: WorkerPool;
  readonly packs: PackWriter;
  readonly packSizeBytes: number;
  readonly time: GoTime;
  readonly withAtime: boolean;
  readonly signal: AbortSignal | undefined;
  readonly listing: ListingAhead | undefined;
  readonly onProgress: ((progress: ArchiveProgress) => void) | undefined;
  readonly onProblem: ((problem: SourceProblem) => void) | undefined;
}

/** One backup under way: the parts that walking and saving share. */
export class ArchiveSession {
  readonly pool: WorkerPool;
  readonly time: GoTime;
  readonly signal: AbortSignal | undefined;
  readonly stats: ArchiveStats;
  readonly problems: SourceProblem[] = [];
  readonly trees: TreeStore;
  readonly batcher: LeafBatcher;
  readonly encoder: NodeEncoder;
  readonly posix: Posix = openPosix();
  readonly #parts: SessionParts;
  readonly #bigFiles: BigFileSaver;
  readonly #parentTrees: ParentTreeReader;

  constructor(parts: SessionParts) {
    this.#parts = parts;
    this.pool = parts.pool;
    this.time = parts.time;
    this.signal = parts.signal;
    this.#parentTrees = new ParentTreeReader(parts.repository, parts.index, parts.signal);
    this.stats = new ArchiveStats(parts.onProgress);
    this.trees = new TreeStore(parts.repository, parts.index, parts.packs, parts.packSizeBytes);
    this.encoder = new NodeEncoder(this.posix, { withAtime: parts.withAtime });
    this.batcher = new LeafBatcher(parts.pool, ({ stats, problems, task, directory }) => {
      for (const problem of problems) this.report(problem);
      this.stats.addLeaves(stats, utf8Lossy(directory));
      this.countTask(task);
    });
    this.#bigFiles = new BigFileSaver(parts.pool, (task, bytes) => {
      this.stats.addBytes(bytes);
      this.countTask(task);
    });
  }

  /** A tree of the parent snapshot, or `undefined` if it cannot be read: its files then count as new. */
  loadParentTree(id: BlobId): Promise<Uint8Array | undefined> {
    return this.#parentTrees.read(id);
  }

  /** The entries of a directory. */
  list(directory: SourceDirectory): SourceEntry[] {
    const report = (problem: SourceProblem): void => this.report(problem);
    return this.#parts.listing === undefined ? directory.list(report) : this.#parts.listing.list(directory, report);
  }

  saveTree(json: Uint8Array): BlobId {
    return this.trees.save(json).id;
  }

  report(problem: SourceProblem): void {
    this.problems.push(problem);
    this.stats.addError();
    this.#parts.onProblem?.(problem);
  }

  /** Cuts a big file with all workers and returns its node. */
  async saveBigFile({ path, sizeBytes, isNew }: BigFile): Promise<Uint8Array | undefined> {
    const before = this.#stat(path);
    this.stats.setPath(utf8Lossy(path));
    const { content, sizeBytes: savedBytes } = await this.#bigFiles.save(path, sizeBytes);
    const after = this.#stat(path);
    const moved = [StatField.mtimeNs, StatField.sizeBytes, StatField.inode].some((at) => before[at] !== after[at]);
    if (moved || after[StatField.sizeBytes] !== BigInt(savedBytes)) {
      this.report({ path, code: 'SOURCE_CHANGED', message: 'it changed while it was read', during: 'read' });
    }
    this.countFile(isNew ? 'new' : 'changed');
    const xattrs = this.posix.lgetxattrs(path, (_, error) =>
      this.report({ path, code: 'SOURCE_UNREADABLE', message: messageOf(error), during: 'stat' }),
    );
    const name = path.subarray(asBuffer(path).lastIndexOf(0x2f) + 1);
    this.encoder.writer.clear();
    this.encoder.writeLeaf({ name, stat: before, xattrs, content, sizeBytes: savedBytes });
    return this.encoder.writer.take();
  }

  countDirectory(change: 'new' | 'changed' | 'unmodified'): void {
    this.stats.addDirectory(change);
  }

  countFile(change: 'new' | 'changed'): void {
    this.stats.addFile(change);
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
