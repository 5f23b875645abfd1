import type { GoTime } from '../formats/go-time.ts';
import type { SnapshotSummary } from '../formats/snapshot/snapshot.ts';
import type { TreeStats } from './tree-store.ts';
import type { BlobStats, LeafStats } from './worker/messages.ts';

export interface ArchiveProgress {
  readonly phase: 'scan' | 'backup' | 'finish';
  readonly files: number;
  /** Bytes of the files so far, read or known. */
  readonly bytes: number;
  readonly dirs: number;
  readonly currentPath: string;
  /** Plain bytes of new blobs. */
  readonly bytesAdded: number;
  /** Bytes they take in the repository. */
  readonly bytesStored: number;
  readonly errors: number;
}

type Change = 'new' | 'changed' | 'unmodified';

/** Counts what a backup does, for its summary and its progress. */
export class ArchiveStats {
  readonly #onProgress: ((progress: ArchiveProgress) => void) | undefined;
  readonly #files = { new: 0, changed: 0, unmodified: 0 };
  readonly #dirs = { new: 0, changed: 0, unmodified: 0 };
  #phase: ArchiveProgress['phase'] = 'backup';
  #bytes = 0;
  #dataBlobs = 0;
  #dataAdded = 0;
  #dataAddedPacked = 0;
  #errors = 0;
  #currentPath = '';

  constructor(onProgress: ((progress: ArchiveProgress) => void) | undefined) {
    this.#onProgress = onProgress;
  }

  addLeaves(stats: LeafStats, directory: string): void {
    this.#files.new += stats.filesNew;
    this.#files.changed += stats.filesChanged;
    this.#files.unmodified += stats.filesUnmodified;
    this.#bytes += stats.bytes;
    this.#currentPath = directory;
    this.#tell();
  }

  addFile(change: Change): void {
    this.#files[change]++;
    this.#tell();
  }

  addDirectory(change: Change): void {
    this.#dirs[change]++;
  }

  addBytes(bytes: number): void {
    this.#bytes += bytes;
    this.#tell();
  }

  /** Bytes of the files so far. */
  get bytes(): number {
    return this.#bytes;
  }

  addBlobs(blobs: BlobStats): void {
    this.#dataBlobs += blobs.dataBlobs;
    this.#dataAdded += blobs.dataAdded;
    this.#dataAddedPacked += blobs.dataAddedPacked;
  }

  addError(): void {
    this.#errors++;
    this.#tell();
  }

  setPath(path: string): void {
    this.#currentPath = path;
  }

  setPhase(phase: ArchiveProgress['phase']): void {
    this.#phase = phase;
    this.#tell();
  }

  /** The summary that goes into the snapshot. */
  summary(trees: TreeStats, backupStart: GoTime, backupEnd: GoTime): SnapshotSummary {
    const { new: filesNew, changed: filesChanged, unmodified: filesUnmodified } = this.#files;
    return {
      backupStart,
      backupEnd,
      filesNew,
      filesChanged,
      filesUnmodified,
      dirsNew: this.#dirs.new,
      dirsChanged: this.#dirs.changed,
      dirsUnmodified: this.#dirs.unmodified,
      dataBlobs: this.#dataBlobs,
      treeBlobs: trees.treeBlobs,
      dataAdded: this.#dataAdded + trees.dataAdded,
      dataAddedPacked: this.#dataAddedPacked + trees.dataAddedPacked,
      totalFilesProcessed: filesNew + filesChanged + filesUnmodified,
      totalBytesProcessed: this.#bytes,
      extra: {},
    };
  }

  #tell(): void {
    this.#onProgress?.({
      phase: this.#phase,
      files: this.#files.new + this.#files.changed + this.#files.unmodified,
      bytes: this.#bytes,
      dirs: this.#dirs.new + this.#dirs.changed + this.#dirs.unmodified,
      currentPath: this.#currentPath,
      bytesAdded: this.#dataAdded,
      bytesStored: this.#dataAddedPacked,
      errors: this.#errors,
    });
  }
}
