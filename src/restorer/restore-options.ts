import type { PackId } from '../base/ids.ts';
import type { NodeType } from '../formats/tree/node.ts';
import type { Snapshot } from '../formats/snapshot/snapshot.ts';
import type { BlobIndex } from '../repository/index/blob-index.ts';
import type { RestoreWorkers } from './restore-workers.ts';
import type { RestoreProblem } from './restore-problem.ts';

/**
 * What happens to files that exist: `always` brings content and metadata to what is recorded; `if-changed`
 * the same, trusting equal size and mtime instead of reading; `if-newer` touches only files older than
 * recorded; `never` touches none.
 */
export type OverwriteMode = 'always' | 'if-changed' | 'if-newer' | 'never';

/** `restore` this entry; `skip` it and everything below; `descend`: not itself, but maybe something below. */
export type Selection = 'restore' | 'skip' | 'descend';

export interface RestoreOptions {
  readonly snapshot: Pick<Snapshot, 'tree'>;
  /** Directory to restore into; made if it is missing. */
  readonly target: string;
  /**
   * Path inside the snapshot. A directory's content and metadata become those of `target`; any other entry
   * is restored as `target/<name>`. Undefined: the whole tree below `target`.
   */
  readonly root?: readonly Uint8Array[] | undefined;
  /** Chooses entries by their path in the snapshot; also extra ones that `delete` would remove. Default: all. */
  readonly select?: ((path: readonly Uint8Array[], type: NodeType) => Selection) | undefined;
  readonly overwrite: OverwriteMode;
  /** Removes what the target has and the snapshot does not, once everything else succeeded. */
  readonly delete?: boolean | undefined;
  /** Reads every restored file again and compares it. */
  readonly verify?: boolean | undefined;
  /**
   * Changes nothing; the result estimates what would be restored from sizes and times, without reading any content:
   * a file that differs in neither counts as left, any other with all its bytes.
   */
  readonly dryRun?: boolean | undefined;
  /** Makes a hole of every 64 KiB of zeros. Whole blobs of zeros always become holes in new files. */
  readonly sparse?: boolean | undefined;
  /** Worker threads; by default as many as there are processors, up to 8. */
  readonly jobs?: number | undefined;
  /** Workers started ahead with `startRestoreWorkers`; `jobs` is then not used. They end with the restore. */
  readonly workers?: RestoreWorkers | undefined;
  /** An index that is loaded already. */
  readonly index?: BlobIndex | undefined;
  /**
   * Called with the packs that the content is in, once the plan is made and before anything is written: the place to
   * bring them within reach. When it throws, nothing is restored. In a dry run as well.
   */
  readonly beforeContent?: ((packs: readonly PackId[]) => Promise<void>) | undefined;
  readonly signal?: AbortSignal | undefined;
  /** About ten times a second. */
  readonly onProgress?: ((progress: RestoreProgress) => void) | undefined;
  readonly onProblem?: ((problem: RestoreProblem) => void) | undefined;
}

export interface RestoreProgress {
  readonly phase: 'plan' | 'restore' | 'finish' | 'verify';
  /** Entries done, without directories. */
  readonly files: number;
  readonly totalFiles: number;
  readonly bytes: number;
  readonly totalBytes: number;
  readonly errors: number;
}

export interface RestoreResult {
  readonly status: 'complete' | 'partial';
  /** Entries written or changed, without directories. */
  readonly filesRestored: number;
  /** Entries left as they were, because they are up to date or `overwrite` says so. */
  readonly filesSkipped: number;
  /** Entries removed by `delete`, directories included. */
  readonly filesDeleted: number;
  readonly directories: number;
  /** Bytes written. */
  readonly bytesRestored: number;
  /** Bytes of all selected files. */
  readonly bytesTotal: number;
  /** The first ten thousand problems. */
  readonly problems: readonly RestoreProblem[];
  readonly problemCount: number;
}
