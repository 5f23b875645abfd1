// What the main thread and the worker threads of a restore tell each other. One message each way per
// some thousand files or some megabytes, never one per file.
import type { MixTask } from '../kernels/scrypt-thread/mix-task.ts';
import type { ErrorCode } from '../base/error-codes.ts';
import type { SealKey } from '../kernels/codec.ts';
import type { BlobIndexMemory } from '../repository/index/blob-index.ts';

/** What every worker needs for the whole run. */
export interface RestoreWorkerSetup {
  readonly index: BlobIndexMemory;
  readonly key: SealKey;
  /** Folder of this machine with the vault's objects, from which workers read packs themselves. */
  readonly localPath: string | undefined;
  /** Descriptor of the target directory, or -1 in a dry run. */
  readonly root: number;
  readonly umask: number;
  readonly privileged: boolean;
  readonly sparse: boolean;
  /** One 32-bit word; not zero = stop at the next blob. */
  readonly stop: SharedArrayBuffer;
}

/** Paths, relative to the target, of the directories that a job's records name by number. */
export interface JobDirectories {
  readonly numbers: Uint32Array;
  readonly paths: readonly Uint8Array[];
}

/** Records of a job, with where each begins. */
export interface JobRecords {
  readonly bytes: Uint8Array;
  readonly offsets: Uint32Array;
  readonly directories: JobDirectories;
}

/** Decode trees into records. */
export interface TreeJob {
  readonly kind: 'tree';
  /** Number of the directory each tree belongs to. */
  readonly directories: readonly number[];
  /** Records of the tree blobs in the index; ignored where `plain` has the bytes. */
  readonly blobs: readonly number[];
  readonly plain: readonly Uint8Array[] | undefined;
}

export interface TreeResult {
  readonly kind: 'tree';
  readonly records: ArrayBuffer;
  /** Three numbers for each decoded tree: directory, first byte, end in `records`. */
  readonly spans: readonly number[];
  /** Trees that could not be read: position in the job. */
  readonly failed: readonly JobFailure[];
  /** Entries left out, with the directory's position in the job. */
  readonly refused: readonly JobFailure[];
}

/** Where the bytes of a content job come from. */
export type ContentBytes =
  | { readonly kind: 'pack'; readonly packNumber: number }
  /** A range of the pack, fetched by the main thread. */
  | { readonly kind: 'sealed'; readonly offset: number; readonly bytes: Uint8Array<ArrayBuffer> }
  /** Verified plaintexts, one for each blob. */
  | { readonly kind: 'plain'; readonly blobs: readonly Uint8Array[] };

/** A blob is written to a file that it makes complete, or into a file that the main thread opened. */
export const TargetKind = { wholeFile: 0, newFile: 1, existingFile: 2 } as const;

/** Numbers of one target in `ContentJob.targets`: kind; position in `records` or descriptor; offset in the file. */
export const TARGET_FIELDS = 3;

/** Decode blobs of one pack and write them. */
export interface ContentJob {
  readonly kind: 'content';
  readonly source: ContentBytes;
  /** Records in the index, by ascending offset in the pack. */
  readonly blobs: Uint32Array;
  /** First target of each blob, and one more for the end. */
  readonly firstTarget: Uint32Array;
  readonly targets: Float64Array;
  readonly records: JobRecords;
}

export interface ContentResult {
  readonly kind: 'content';
  /** Blobs that could not be had, by position in `blobs`; nothing was written of them. */
  readonly failedBlobs: readonly JobFailure[];
  /** Targets that could not be written, by position. */
  readonly failedTargets: readonly JobFailure[];
  /** Whole files whose metadata is not complete, by position of the target. */
  readonly notes: readonly JobFailure[];
  readonly files: number;
  readonly bytes: number;
}

/** Create empty files, symlinks, devices and fifos. */
export interface EntriesJob {
  readonly kind: 'entries';
  readonly records: JobRecords;
}

export interface EntriesResult {
  readonly kind: 'entries';
  readonly failed: readonly JobFailure[];
  readonly notes: readonly JobFailure[];
  readonly files: number;
}

/** Compare files that exist with their recorded content. */
export interface CompareJob {
  readonly kind: 'compare';
  readonly records: JobRecords;
}

export interface CompareResult {
  readonly kind: 'compare';
  /** For each record the blobs that differ, by position in the file; `undefined` if it could not be read. */
  readonly differing: readonly (readonly number[] | undefined)[];
}

export interface JobFailure {
  /** What it is about: a position, as the field says. */
  readonly at: number;
  readonly code: ErrorCode;
  readonly message: string;
}

/** The run cannot go on, such as when the target is full. */
export interface FatalResult {
  readonly kind: 'fatal';
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string | undefined;
}

export type Job = TreeJob | ContentJob | EntriesJob | CompareJob;
export type JobResult = TreeResult | ContentResult | EntriesResult | CompareResult | FatalResult;
export type ResultOf<J extends Job> = Extract<JobResult, { kind: J['kind'] }>;

export type ToWorker =
  | { readonly kind: 'setup'; readonly setup: RestoreWorkerSetup }
  | { readonly kind: 'job'; readonly id: number; readonly job: Job }
  | { readonly kind: 'end' }
  | MixTask;

export interface FromWorker {
  readonly id: number;
  readonly result: JobResult;
}
