import { mapConcurrent } from '../../base/concurrency.ts';
import { STAT_FIELDS, StatField } from '../../base/posix/posix.ts';
import { blobSize } from '../../repository/blob-size.ts';
import { columnValues } from '../../base/column.ts';
import { contentLength, FileWay } from '../content/content-plan.ts';
import { MISSING_BLOB } from '../records/entry-record.ts';
import { addContent, type EntryPlan } from './entry-planner.ts';
import { JobRecordsBuilder } from '../records/job-records.ts';
import { shownPath, type RestoreRun } from '../restore-run.ts';
import type { TargetDirectories } from '../target/target-directories.ts';

const MAX_FILES_PER_JOB = 256;
const MAX_BYTES_PER_JOB = 16 * 1024 * 1024;

/**
 * Reads files of the target and calls `tell` for each with the positions of the blobs that differ, or
 * `undefined` if the file cannot be read.
 */
export async function compareFiles(
  run: RestoreRun,
  references: Iterable<number>,
  tell: (reference: number, differing: readonly number[] | undefined) => void,
): Promise<void> {
  const limit = run.workers.size * 2;
  await mapConcurrent(batches(run, references), { limit, signal: run.signal }, async (batch) => {
    const records = new JobRecordsBuilder(run);
    for (const reference of batch) records.add(reference);
    const { differing } = await run.workers.run({ kind: 'compare', records: records.build() });
    run.signal.throwIfAborted();
    for (const [at, reference] of batch.entries()) tell(reference, differing[at]);
    run.meter.tick();
  });
}

function* batches(run: RestoreRun, references: Iterable<number>): Generator<number[]> {
  let batch: number[] = [];
  let bytes = 0;
  for (const reference of references) {
    batch.push(reference);
    bytes += Number(run.store.at(reference).contentSize);
    if (batch.length < MAX_FILES_PER_JOB && bytes < MAX_BYTES_PER_JOB) continue;
    yield batch;
    batch = [];
    bytes = 0;
  }
  if (batch.length > 0) yield batch;
}

/** Finds out how existing files differ and adds what has to be written to the plan. */
export async function planChanges(run: RestoreRun, target: TargetDirectories, plan: EntryPlan): Promise<void> {
  const stat = new BigInt64Array(STAT_FIELDS);
  await compareFiles(run, columnValues(plan.compare), (reference, differing) => {
    const record = run.store.at(reference);
    const size = BigInt(contentLength(run.index, record));
    const isThere = differing !== undefined && tryStat(() => target.stat(record.directory, record.name, stat));
    if (isThere && differing.length === 0 && stat[StatField.sizeBytes] === size) {
      plan.metadataOnly.push(reference);
      return;
    }
    // Writing into a file with other names would change those; a new file takes its place.
    const inPlace = isThere && stat[StatField.links] === 1n;
    if (inPlace) addPatch(run, plan, reference, differing);
    else if (record.blobCount > 0) addContent(run, plan.content, reference);
    else plan.plainEntries.push(reference);
  });
}

/** A file that cannot be looked at any more is written anew, and the error told there. */
function tryStat(stat: () => boolean): boolean {
  try {
    return stat();
  } catch {
    return false;
  }
}

function addPatch(run: RestoreRun, plan: EntryPlan, reference: number, differing: readonly number[]): void {
  const record = run.store.at(reference);
  if (differing.some((position) => record.blob(position) === MISSING_BLOB)) {
    run.failed.add(reference);
    run.problems.add(shownPath(run, reference), 'BLOB_MISSING', 'a part of its content is not in the index');
    return;
  }
  const file = plan.content.addFile(reference, FileWay.patch);
  const wanted = new Set(differing);
  let offset = 0;
  for (let position = 0; position < record.blobCount; position++) {
    const blob = record.blob(position);
    if (wanted.has(position)) plan.content.addWrite(file, blob, offset);
    offset += blobSize(run.index.location(blob));
  }
}
