// What a restore would do, told from the plan and from what the system says about existing entries.
import { STAT_FIELDS, StatField } from '../../base/posix/posix.ts';
import { columnValues } from '../../base/column.ts';
import { contentLength } from '../content/content-plan.ts';
import { deleteExtra } from '../target/delete-extra.ts';
import { DirectoryState } from './directory-table.ts';
import { addContent, type EntryPlan } from './entry-planner.ts';
import type { RecordReader } from '../records/entry-record.ts';
import { shownPath, type RestoreRun } from '../restore-run.ts';
import type { TargetDirectories } from '../target/target-directories.ts';

/**
 * Fills the meter with what would be done. An estimate, as no content is read: a file of the recorded size and
 * mtime counts as right also where `always` would read it, and one that differs counts with all its bytes, of
 * which a restore writes only the blobs that differ.
 */
export function estimateRestore(run: RestoreRun, target: TargetDirectories, plan: EntryPlan): void {
  const { meter, problems, options, store } = run;
  const look = looker(run, target);
  const kept = new Set<number>(columnValues(plan.metadataOnly));
  for (const reference of columnValues(plan.compare)) {
    const record = store.at(reference);
    if (looksRight(look(record), record)) kept.add(reference);
    else if (record.blobCount > 0) addContent(run, plan.content, reference);
    else plan.plainEntries.push(reference);
  }
  meter.skipped += kept.size;
  meter.files += plan.plainEntries.length + plan.content.fileCount;
  for (let file = 0; file < plan.content.fileCount; file++) {
    meter.bytes += contentLength(run.index, store.at(plan.content.reference(file)));
  }
  for (let at = 0; at < plan.links.length; at++) {
    const reference = plan.links.at(at);
    const first = plan.linkTargets.at(at);
    if (run.failed.has(first)) {
      const message = `not linked to ${problems.sourceOf(shownPath(run, first))}, which failed`;
      problems.add(shownPath(run, reference), 'RESTORE_FAILED', message);
      continue;
    }
    // A file that is left keeps its inode, and with it the further names it has.
    const isLeft = kept.has(first) || !store.at(first).replaces;
    if (isLeft && sameInode(look(store.at(first)), look(store.at(reference)))) meter.skipped++;
    else meter.files++;
  }
  if (options.delete === true && problems.count === 0) meter.deleted = deleteExtra(run, plan.extra);
}

/** Tells what the system knows of an entry in the target; `undefined` if it is not there or cannot be looked at. */
function looker(run: RestoreRun, target: TargetDirectories): (record: RecordReader) => BigInt64Array | undefined {
  return ({ directory, name }) => {
    if (run.directories.state(directory) !== DirectoryState.existing) return undefined;
    const stat = new BigInt64Array(STAT_FIELDS);
    try {
      return target.stat(directory, name, stat) ? stat : undefined;
    } catch {
      return undefined;
    }
  };
}

function looksRight(stat: BigInt64Array | undefined, record: RecordReader): boolean {
  return stat?.[StatField.mtimeNs] === record.mtimeNs && stat[StatField.sizeBytes] === record.contentSize;
}

function sameInode(a: BigInt64Array | undefined, b: BigInt64Array | undefined): boolean {
  if (a === undefined || b === undefined) return false;
  return [StatField.inode, StatField.device].every((field) => a[field] === b[field]);
}
