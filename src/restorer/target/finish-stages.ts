// What comes after the content: metadata of files that were right already, further names of files,
// metadata of directories.
import fs from 'node:fs';
import { messageOf } from '../../base/errors.ts';
import { mapConcurrent } from '../../base/concurrency.ts';
import { STAT_FIELDS, StatField } from '../../base/posix/posix.ts';
import { columnValues } from '../../base/column.ts';
import { DirectoryCursor } from './directory-cursor.ts';
import { DirectoryState } from '../plan/directory-table.ts';
import type { EntryPlan } from '../plan/entry-planner.ts';
import { JobRecordsBuilder } from '../records/job-records.ts';
import { MetadataWriter } from './metadata.ts';
import { shownPath, type RestoreRun } from '../restore-run.ts';
import { fatalTargetError } from './target-error.ts';

const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK, O_DIRECTORY } = fs.constants;
const ENTRIES_PER_JOB = 512;

/** Creates empty files, symlinks, devices and fifos. */
export async function restorePlainEntries(run: RestoreRun, plan: EntryPlan): Promise<void> {
  const { workers, problems, meter, failed, signal } = run;
  const options = { limit: workers.size * 2, signal };
  await mapConcurrent(chunks(columnValues(plan.plainEntries), ENTRIES_PER_JOB), options, async (batch) => {
    const records = new JobRecordsBuilder(run);
    for (const reference of batch) records.add(reference);
    const result = await workers.run({ kind: 'entries', records: records.build() });
    meter.files += result.files;
    for (const { at, code, message } of result.notes) problems.add(shownPath(run, batch[at] ?? 0), code, message);
    for (const { at, code, message } of result.failed) {
      failed.add(batch[at] ?? 0);
      problems.add(shownPath(run, batch[at] ?? 0), code, message);
    }
    meter.tick();
  });
}

/** Sets the metadata of files whose content was right. */
export function restoreMetadataOnly(run: RestoreRun, plan: EntryPlan): void {
  using cursor = new DirectoryCursor(run.posix, run.target.fd);
  const metadata = new MetadataWriter(run.posix, run.target.privileged);
  for (const reference of columnValues(plan.metadataOnly)) {
    run.signal.throwIfAborted();
    const record = run.store.at(reference);
    attempt(run, reference, () => {
      const dirfd = cursor.open(run.directories.path(record.directory));
      const fd = run.posix.openat(dirfd, record.name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
      try {
        metadata.apply(fd, record, metadata.read(fd), (message) => note(run, reference, message));
      } finally {
        run.posix.close(fd);
      }
      run.meter.skipped++;
    });
  }
}

/** Gives files their further names. */
export function restoreLinks(run: RestoreRun, plan: EntryPlan): void {
  using from = new DirectoryCursor(run.posix, run.target.fd);
  using to = new DirectoryCursor(run.posix, run.target.fd);
  for (let at = 0; at < plan.links.length; at++) {
    run.signal.throwIfAborted();
    const reference = plan.links.at(at);
    const first = plan.linkTargets.at(at);
    if (run.failed.has(first)) {
      run.failed.add(reference);
      run.problems.add(
        shownPath(run, reference),
        'RESTORE_FAILED',
        `not linked to ${run.problems.sourceOf(shownPath(run, first))}, which failed`,
      );
      continue;
    }
    attempt(run, reference, () => {
      if (link(run, from, to, first, reference)) run.meter.files++;
      else run.meter.skipped++;
    });
    run.meter.tick();
  }
}

/** Returns false if both names mean one file already. */
function link(run: RestoreRun, from: DirectoryCursor, to: DirectoryCursor, first: number, further: number): boolean {
  const { posix, store, directories } = run;
  const firstRecord = store.at(first);
  const record = store.at(further);
  const fromDirectory = from.open(directories.path(firstRecord.directory));
  const toDirectory = to.open(directories.path(record.directory));
  if (record.replaces) {
    const old = new BigInt64Array(STAT_FIELDS);
    const wanted = new BigInt64Array(STAT_FIELDS);
    const isThere = posix.statInto(toDirectory, record.name, old);
    posix.statInto(fromDirectory, firstRecord.name, wanted);
    const same = [StatField.inode, StatField.device].every((field) => old[field] === wanted[field]);
    if (isThere && same) return false;
    if (isThere) posix.unlinkat(toDirectory, record.name);
  }
  posix.linkat(fromDirectory, firstRecord.name, toDirectory, record.name);
  return true;
}

/** Sets the metadata of directories, children before parents, when nothing changes in them any more. */
export function finishDirectories(run: RestoreRun): void {
  const { directories, posix, target } = run;
  using cursor = new DirectoryCursor(posix, target.fd);
  const metadata = new MetadataWriter(posix, target.privileged);
  for (let directory = directories.count - 1; directory >= 0; directory--) {
    const state = directories.state(directory);
    const reference = directories.record(directory);
    if (reference === undefined || (state !== DirectoryState.made && state !== DirectoryState.existing)) continue;
    run.signal.throwIfAborted();
    const path = directories.path(directory);
    attempt(run, reference, () => {
      const fd = cursor.open(path);
      metadata.apply(fd, run.store.at(reference), metadata.read(fd), (message) => note(run, reference, message));
    });
  }
}

function note(run: RestoreRun, reference: number, message: string): void {
  run.problems.add(shownPath(run, reference), 'RESTORE_PARTIAL', message);
}

function attempt(run: RestoreRun, reference: number, action: () => void): void {
  try {
    action();
  } catch (error) {
    const fatal = fatalTargetError(error);
    if (fatal !== undefined) throw fatal;
    run.failed.add(reference);
    run.problems.add(shownPath(run, reference), 'RESTORE_FAILED', messageOf(error));
  }
}

function* chunks(values: Iterable<number>, size: number): Generator<number[]> {
  let chunk: number[] = [];
  for (const value of values) {
    chunk.push(value);
    if (chunk.length < size) continue;
    yield chunk;
    chunk = [];
  }
  if (chunk.length > 0) yield chunk;
}

/** Flags for opening a directory to look into it; never through a symlink. */
export const LOOK_FLAGS: number = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
