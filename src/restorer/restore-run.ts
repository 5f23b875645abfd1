import { utf8Lossy } from '../base/bytes.ts';
import type { Posix } from '../base/posix/posix.ts';
import type { BlobIndex } from '../repository/index/blob-index.ts';
import type { Repository } from '../repository/repository.ts';
import type { DirectoryTable } from './plan/directory-table.ts';
import type { RecordStore } from './records/record-store.ts';
import type { RestoreMeter } from './restore-meter.ts';
import type { RestoreOptions } from './restore-options.ts';
import type { ProblemList } from './restore-problem.ts';
import type { OpenTarget } from './target/target.ts';
import type { RestoreWorkers } from './restore-workers.ts';

/** What the stages of one restore share. */
export interface RestoreRun {
  readonly repository: Repository;
  readonly index: BlobIndex;
  readonly workers: RestoreWorkers;
  readonly posix: Posix;
  readonly target: OpenTarget;
  readonly options: RestoreOptions;
  readonly signal: AbortSignal;
  readonly store: RecordStore;
  readonly directories: DirectoryTable;
  readonly problems: ProblemList;
  readonly meter: RestoreMeter;
  /** References of records whose entries are not in the target, for those that depend on them. */
  readonly failed: Set<number>;
}

/** The path of an entry below the restored folder, as it is shown. */
export function shownPath(run: RestoreRun, reference: number): string {
  const record = run.store.at(reference);
  const name = utf8Lossy(record.name);
  const folder = utf8Lossy(run.directories.path(record.directory));
  return folder === '' ? `/${name}` : `/${folder}/${name}`;
}
