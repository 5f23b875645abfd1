import { systemCode, messageOf } from '../../base/errors.ts';
import { utf8Lossy } from '../../base/bytes.ts';
import { EntryType, FileType, STAT_FIELDS, StatField } from '../../base/posix/posix.ts';
import { DirectoryCursor } from './directory-cursor.ts';
import { LOOK_FLAGS } from './finish-stages.ts';
import type { RestoreRun } from '../restore-run.ts';

/** Something the target has and the snapshot does not. */
export interface ExtraEntry {
  readonly directory: number;
  readonly name: Uint8Array;
}

/** Removes entries with all that is below them, never through a symlink; a dry run only counts. Returns how many. */
export function deleteExtra(run: RestoreRun, extra: readonly ExtraEntry[]): number {
  using cursor = new DirectoryCursor(run.posix, run.target.fd);
  let removed = 0;
  for (const { directory, name } of extra) {
    run.signal.throwIfAborted();
    try {
      removed += removeAll(run, cursor.open(run.directories.path(directory)), name);
    } catch (error) {
      const folder = utf8Lossy(run.directories.path(directory));
      const path = `${folder === '' ? '' : `/${folder}`}/${utf8Lossy(name)}`;
      run.problems.add(path, 'RESTORE_FAILED', `not deleted: ${messageOf(error)}`);
    }
  }
  return removed;
}

function removeAll(run: RestoreRun, parent: number, name: Uint8Array): number {
  const { posix, signal } = run;
  signal.throwIfAborted();
  const stat = new BigInt64Array(STAT_FIELDS);
  if (!posix.statInto(parent, name, stat)) return 0;
  if ((Number(stat[StatField.mode]) & FileType.mask) !== FileType.directory) {
    removeEntry(run, parent, name);
    return 1;
  }
  let removed = 1;
  const fd = posix.openat(parent, name, LOOK_FLAGS);
  try {
    const names: { readonly name: Uint8Array; readonly type: number }[] = [];
    posix.readDirectory(fd, (entry, type) => names.push({ name: Uint8Array.from(entry), type }));
    for (const entry of names) {
      if (entry.type === EntryType.directory || entry.type === EntryType.unknown)
        removed += removeAll(run, fd, entry.name);
      else {
        removeEntry(run, fd, entry.name);
        removed++;
      }
    }
  } finally {
    posix.close(fd);
  }
  removeDirectory(run, parent, name);
  return removed;
}

function removeEntry({ posix, options }: RestoreRun, parent: number, name: Uint8Array): void {
  if (options.dryRun !== true) posix.unlinkat(parent, name);
}

function removeDirectory({ posix, options }: RestoreRun, parent: number, name: Uint8Array): void {
  if (options.dryRun === true) return;
  try {
    posix.rmdirat(parent, name);
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
  }
}
