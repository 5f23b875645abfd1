import type { OpenTarget } from '../../restorer/target/target.ts';
import type { OverwriteMode } from '../../restorer/restore-options.ts';
import type { RestoreProblem } from '../../restorer/restore-problem.ts';

export interface ExtractOptions {
  readonly target: OpenTarget;
  readonly overwrite: OverwriteMode;
  /** Chooses entries by their path in the archive, components as raw bytes. All by default. */
  readonly select?: ((path: readonly Uint8Array[], type: 'file' | 'dir') => 'restore' | 'skip' | 'descend') | undefined;
  /** Only what lies at this path of the archive or below; its last component is what the target gets. Latin-1 text. */
  readonly root?: readonly string[] | undefined;
  /** The only name that may appear in the target: nobody has looked whether another one is free. */
  readonly within?: string | undefined;
  /** Reads and verifies everything, and writes nothing. */
  readonly dryRun: boolean;
  /** Makes a hole of every 64 KiB of zeros. */
  readonly sparse: boolean;
  readonly onProblem?: ((problem: RestoreProblem) => void) | undefined;
}

export interface ExtractCounts {
  /** Entries written, without directories. */
  files: number;
  /** Entries left as they were, because of `overwrite`. */
  skipped: number;
  directories: number;
  bytes: number;
  /** Bytes of all chosen files. */
  totalBytes: number;
}
