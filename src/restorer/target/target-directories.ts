import { systemCode } from '../../base/errors.ts';
import { FileType, STAT_FIELDS, StatField } from '../../base/posix/posix.ts';
import { bytesKey, utf8Lossy } from '../../base/bytes.ts';
import { DirectoryCursor } from './directory-cursor.ts';
import { DirectoryState, ROOT_DIRECTORY } from '../plan/directory-table.ts';
import { reasonOf } from './metadata.ts';
import type { RestoreRun } from '../restore-run.ts';
import { fatalTargetError } from './target-error.ts';

const PRIVATE_DIRECTORY = 0o700;

/** Makes directories in the target when something is about to go into them, and looks into those that exist. */
export class TargetDirectories implements Disposable {
  readonly cursor: DirectoryCursor;
  readonly #run: RestoreRun;
  readonly #stat = new BigInt64Array(STAT_FIELDS);
  #listed: { readonly directory: number; readonly names: ReadonlyMap<string, number> } | undefined;

  constructor(run: RestoreRun) {
    this.#run = run;
    this.cursor = new DirectoryCursor(run.posix, run.target.fd);
    run.directories.setState(ROOT_DIRECTORY, run.target.isNew ? DirectoryState.made : DirectoryState.existing);
  }

  /** Whether the directory is in the target, made now if need be, its parents first. A failure is told once. */
  ensure(directory: number): boolean {
    const { directories } = this.#run;
    const waiting: number[] = [];
    for (let at = directory; directories.state(at) === DirectoryState.waiting; at = directories.parent(at))
      waiting.push(at);
    for (const at of waiting.reverse()) {
      const parent = directories.parent(at);
      const hasParent = directories.state(parent) !== DirectoryState.failed;
      directories.setState(at, hasParent ? this.#make(at, parent) : DirectoryState.failed);
    }
    return directories.state(directory) !== DirectoryState.failed;
  }

  /**
   * Names (as `bytesKey`) and types of what was in the directory before this run. Only the directory asked
   * for last is remembered.
   */
  existing(directory: number): ReadonlyMap<string, number> {
    if (this.#listed?.directory === directory) return this.#listed.names;
    const names = new Map<string, number>();
    if (this.#run.directories.state(directory) === DirectoryState.existing) {
      const fd = this.#open(directory);
      this.#run.posix.readDirectory(fd, (name, type) => names.set(bytesKey(name), type));
      // The descriptor is at its end now; the next listing has to start from a new one.
      this.cursor[Symbol.dispose]();
    }
    this.#listed = { directory, names };
    return names;
  }

  /** Writes what the system knows of an entry into `out`. Returns false if there is none. */
  stat(directory: number, name: Uint8Array, out: BigInt64Array): boolean {
    return this.#run.posix.statInto(this.#open(directory), name, out);
  }

  [Symbol.dispose](): void {
    this.cursor[Symbol.dispose]();
  }

  #open(directory: number): number {
    return this.cursor.open(this.#run.directories.path(directory));
  }

  #make(directory: number, parent: number): number {
    const { directories, problems } = this.#run;
    try {
      if (this.#run.options.dryRun === true) return this.#foresee(directory, parent);
      return this.#makeOrFind(this.#open(parent), directories.name(directory));
    } catch (error) {
      const fatal = fatalTargetError(error);
      if (fatal !== undefined) throw fatal;
      const message = `the directory was not restored: ${reasonOf(error)}`;
      problems.add(`/${utf8Lossy(directories.path(directory))}`, 'RESTORE_FAILED', message);
      return DirectoryState.failed;
    }
  }

  #makeOrFind(parent: number, name: Uint8Array): number {
    const { posix, options } = this.#run;
    try {
      posix.mkdirat(parent, name, PRIVATE_DIRECTORY);
      return DirectoryState.made;
    } catch (error) {
      if (systemCode(error) !== 'EEXIST') throw error;
    }
    if (posix.statInto(parent, name, this.#stat) && isDirectory(this.#stat)) return DirectoryState.existing;
    if (options.overwrite === 'never') throw inTheWay();
    // Also a symlink to a directory: to follow it would restore somewhere else.
    posix.unlinkat(parent, name);
    posix.mkdirat(parent, name, PRIVATE_DIRECTORY);
    return DirectoryState.made;
  }

  #foresee(directory: number, parent: number): number {
    if (this.#run.directories.state(parent) !== DirectoryState.existing) return DirectoryState.made;
    if (!this.stat(parent, this.#run.directories.name(directory), this.#stat)) return DirectoryState.made;
    if (isDirectory(this.#stat)) return DirectoryState.existing;
    if (this.#run.options.overwrite === 'never') throw inTheWay();
    return DirectoryState.made;
  }
}

function inTheWay(): Error {
  return new Error('something else has its name, and nothing is to be overwritten');
}

function isDirectory(stat: BigInt64Array): boolean {
  return (Number(stat[StatField.mode]) & FileType.mask) === FileType.directory;
}
