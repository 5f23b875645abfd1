// What the archiver needs to know of a source. The sources layer implements it; the archiver walks it.
import type { ErrorCode } from '../base/error-codes.ts';

/** `key` is the name as `bytesKey`, one character per byte: in memory a string takes a fifth of what an array does. */
export type SourceEntry =
  | { readonly kind: 'directory'; readonly key: string; readonly directory: SourceDirectory }
  /** A file, symlink, device or fifo of this machine; it is looked at by the worker that saves it. */
  | {
      readonly kind: 'leaf';
      readonly key: string;
      /** The listing called it a regular file. It may have become something else since. */
      readonly isFile: boolean;
    }
  /** A file that exists only as a stream: standard input, the output of a program. */
  | {
      readonly kind: 'stream';
      readonly key: string;
      readonly open: (signal: AbortSignal) => AsyncIterable<Uint8Array>;
      readonly metadata: StreamMetadata;
      /** Where it is known. `open` throws where the stream has more or less. */
      readonly sizeBytes?: number | undefined;
    };

export interface StreamMetadata {
  /** Go's `FileMode` bits. */
  readonly mode: number;
  /** Nanoseconds since the Unix epoch. */
  readonly mtimeNs: bigint;
  readonly uid: number;
  readonly gid: number;
  readonly user: string;
  readonly group: string;
}

export interface SourceDirectory {
  /** Absolute path on this machine in raw bytes, or `undefined` for a directory that exists only in the snapshot. */
  readonly path: Uint8Array | undefined;
  /**
   * Entries to back up, ascending by raw name bytes. A directory that cannot be listed, or that has
   * vanished, is reported and gives no entries.
   */
  list(report: (problem: SourceProblem) => void): SourceEntry[];
}

/** Something that could not be saved; the backup goes on without it. */
export interface SourceProblem {
  /** Raw bytes. */
  readonly path: Uint8Array;
  readonly code: ErrorCode;
  readonly message: string;
  readonly during: 'list' | 'read' | 'stat' | 'scan';
}

export interface Source {
  /** The snapshot's root tree: it mirrors absolute paths (`/home/a` is `home`, then `a`). */
  readonly root: SourceDirectory;
  /** Absolute targets, for the snapshot. */
  readonly paths: readonly string[];
  /** Patterns to record in the snapshot. */
  readonly excludes: readonly string[];
  /** Larger files are left out, in bytes; known only once the worker has looked at them. */
  readonly maxFileSize: bigint | undefined;
  readonly oneFileSystem: boolean;
}
