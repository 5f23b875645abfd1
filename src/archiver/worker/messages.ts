// What the main thread and the workers say to each other. Names and paths travel as raw bytes.
import type { ErrorCode } from '../../base/error-codes.ts';
import type { ChunkerSpec } from '../../formats/chunker/chunker.ts';
import type { SealKey } from '../../kernels/codec.ts';
import type { MixTask } from '../../kernels/scrypt-thread/mix-task.ts';
import type { BlobIndexMemory } from '../../repository/index/blob-index.ts';
import type { FinishedPack } from '../../repository/pack-builder.ts';
import type { SourceProblem } from '../source.ts';
import type { StreamRing } from './stream-ring.ts';

/** Given to a worker once, when the repository is open. */
export interface WorkerSetup {
  readonly kind: 'setup';
  readonly index: BlobIndexMemory;
  readonly key: SealKey;
  readonly chunker: ChunkerSpec;
  /** zstd level, or `undefined` to store blobs as they are. */
  readonly level: number | undefined;
  readonly packSizeBytes: number;
  /** Read of a file at once; `undefined`: all there is room for. */
  readonly readBytes: number | undefined;
  /** See `PackBuilderOptions.verify`. */
  readonly verify: boolean;
  readonly slots: readonly SharedArrayBuffer[];
  /** Word 0: abort; word 1: count of freed slots; words 2…: state of each slot. */
  readonly control: SharedArrayBuffer;
  readonly reading: ReadingRules;
}

/** How leaves are read. */
export interface ReadingRules {
  readonly maxFileSize: bigint | undefined;
  readonly ignoreInode: boolean;
  readonly ignoreCtime: boolean;
  readonly withAtime: boolean;
}

/** The index moved to larger memory. */
export interface IndexMoved {
  readonly kind: 'index';
  readonly index: BlobIndexMemory;
}

/** Leaves of one directory, ascending by name. */
export interface LeafRun {
  readonly directory: Uint8Array;
  /** Each name followed by a NUL. */
  readonly names: Uint8Array;
  /** See `GroupsLeft`. */
  readonly groups: Uint8Array;
  readonly begun: Uint8Array;
  /** The listing called all of them regular files: those that will be read need not be looked at before they are opened. */
  readonly onlyFiles: boolean;
  /** The directory's tree in the parent snapshot, as JSON, or as much of it as may have these leaves. */
  readonly parent: Uint8Array | undefined;
}

export interface LeafTask {
  readonly kind: 'leaves';
  readonly runs: readonly LeafRun[];
}

/**
 * A part of a big file. Chunks that start in [start, end) are stored. A *speculative* segment assumes that
 * a chunk starts at `start`; it stores none that start within `skipBytes` of it, because the true
 * boundaries, which the segment before finds, meet its own a few chunks later.
 */
export interface SegmentTask {
  readonly kind: 'segment';
  readonly path: Uint8Array;
  readonly start: number;
  readonly end: number;
  readonly skipBytes: number;
  /** Ascending offsets of chunks that are stored already: reaching one ends the task. */
  readonly stops: Float64Array;
}

export interface StatRun {
  readonly directory: Uint8Array;
  /** Each name followed by a NUL. */
  readonly names: Uint8Array;
  /** How many names each group has. */
  readonly groups: Uint8Array;
}

/** Look at entries, read nothing. Needs no setup: it may run before the vault is open. */
export interface StatTask {
  readonly kind: 'stat';
  readonly runs: readonly StatRun[];
}

/** A file that comes as a stream. */
export interface StreamTask {
  readonly kind: 'stream';
  readonly ring: StreamRing;
}

export interface FlushTask {
  readonly kind: 'flush';
}

export type WorkerTask = StatTask | LeafTask | SegmentTask | StreamTask | FlushTask;

export interface LeafStats {
  filesNew: number;
  filesChanged: number;
  filesUnmodified: number;
  /** Bytes of all files, read or not. */
  bytes: number;
}

export interface BlobStats {
  dataBlobs: number;
  /** Plain bytes of new blobs. */
  dataAdded: number;
  /** Bytes they take in the repository. */
  dataAddedPacked: number;
}

/** A file that is to be read in segments by several workers. The digest of its group has what the system said of it before. */
export interface BigFile {
  readonly path: Uint8Array;
  readonly sizeBytes: number;
  readonly isNew: boolean;
}

export interface StatRunResult {
  /** See `GroupDigests`; `undefined` if an entry could not be looked at. */
  readonly digests: Uint8Array | undefined;
  /** For each group how many files it has, and of how many bytes. */
  readonly counts: Float64Array;
}

export interface StatResult {
  readonly kind: 'stat';
  readonly runs: readonly StatRunResult[];
}

export interface LeafRunResult {
  /** Node JSON of the leaves in order, joined by commas; big files stand between. */
  readonly parts: readonly (Uint8Array | BigFile)[];
  /** See `GroupDigests`; `undefined` when an entry was not steady or could not be read. */
  readonly digests: Uint8Array | undefined;
  /** What is to be handed out again: names that it did not get to. */
  readonly rest: Pick<LeafRun, 'names' | 'groups' | 'begun'> | undefined;
}

export interface LeafResult {
  readonly kind: 'leaves';
  readonly runs: readonly LeafRunResult[];
  readonly stats: LeafStats;
  readonly problems: readonly SourceProblem[];
}

export interface SegmentResult {
  readonly kind: 'segment';
  /** Offset of each stored chunk, ascending; the last element is the end of the last one. */
  readonly starts: Float64Array;
  /** Ids of the stored chunks, 32 bytes each. */
  readonly ids: Uint8Array;
  /** Where the next chunk starts. */
  readonly next: number;
  /** Position in `stops` of the offset that ended the task, or -1. */
  readonly stopped: number;
  readonly atEnd: boolean;
}

/** The file of a segment cannot be opened or read; this concerns the file, not the run. */
export interface SegmentUnreadable {
  readonly kind: 'unreadable';
  readonly message: string;
}

export interface FlushResult {
  readonly kind: 'flush';
  /** The unfinished pack: sealed blobs lie at the start of the slot. */
  readonly leftover:
    | { readonly slot: number; readonly sizeBytes: number; readonly header: Uint8Array; readonly blobCount: number }
    | undefined;
}

export type TaskResult = StatResult | LeafResult | SegmentResult | SegmentUnreadable | FlushResult;

/** A pack is complete in a slot; the main thread stores it and frees the slot. */
export interface PackReady {
  readonly kind: 'pack';
  readonly slot: number;
  readonly pack: FinishedPack;
}

export interface TaskDone {
  readonly kind: 'done';
  readonly result: TaskResult;
  readonly blobs: BlobStats;
}

export interface TaskFailed {
  readonly kind: 'failed';
  readonly code: ErrorCode | undefined;
  readonly message: string;
  readonly hint: string | undefined;
}

export type FromWorker = PackReady | TaskDone | TaskFailed;
export type ToWorker = WorkerSetup | IndexMoved | WorkerTask | MixTask;

export const CONTROL_ABORT = 0;
export const CONTROL_FREED = 1;
export const CONTROL_SLOTS = 2;
export const SLOT_FREE = 0;
export const SLOT_BUSY = 1;
