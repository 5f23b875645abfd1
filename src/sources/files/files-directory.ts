import { bytesOf } from '../../base/bytes.ts';
import fs from 'node:fs';
import type { ErrorCode } from '../../base/error-codes.ts';
import { messageOf, systemCode } from '../../base/errors.ts';
import { AT_FDCWD, EntryType, FileType, STAT_FIELDS, StatField } from '../../base/posix/posix.ts';
import type { SourceDirectory, SourceEntry, SourceProblem } from '../../archiver/source.ts';
import type { FilesScope } from './files-scope.ts';
import { isIgnored, readIgnoreRules } from './ignore-rules.ts';
import type { IgnoreRules } from './ignore-rules.ts';
import { hasTagHeader } from './tag-file.ts';
import type { TargetNode } from './target-tree.ts';

type Report = (problem: SourceProblem) => void;

const noTargets: ReadonlyMap<string, TargetNode> = new Map();

interface Place {
  /** Absolute path, Latin-1 held. */
  readonly path: string;
  /** Set from the root down to the targets, and where a target lies inside another. */
  readonly node: TargetNode | undefined;
  /** Ignore rules of the directories above, inside the same target. */
  readonly rules: IgnoreRules | undefined;
  /** Device of the target, if the walk must not leave it. */
  readonly device: bigint | undefined;
}

/** A directory of the file system. Listing opens, reads and closes it; nothing is kept between calls. */
export class FilesDirectory implements SourceDirectory {
  readonly #scope: FilesScope;
  readonly #place: Place;

  constructor(scope: FilesScope, place: Place) {
    this.#scope = scope;
    this.#place = place;
  }

  /** A symlink on the way to a target is passed through, so that the snapshot has a directory there. */
  get path(): Uint8Array {
    const path = bytesOf(this.#place.path);
    const { node } = this.#place;
    if (node === undefined || node.target || node.children.size === 0) return path;
    try {
      return fs.realpathSync.native(path, { encoding: 'buffer' });
    } catch {
      return path;
    }
  }

  list(report: Report): SourceEntry[] {
    const { node, path } = this.#place;
    if (path === '/') this.#scope.problems.forEach((problem) => report(problem));
    const targets = node?.children ?? noTargets;
    if (node !== undefined && !node.target) {
      return [...targets.keys()].sort().flatMap((name) => this.#targetEntry(name, targets, report));
    }
    const reading = this.#readNames(report);
    if (reading === undefined) return [];
    const keeps = this.#selection(reading, report);
    const entries: SourceEntry[] = [];
    for (const name of mergeTargets(reading.names, targets).sort()) {
      if (targets.has(name)) entries.push(...this.#targetEntry(name, targets, report));
      else this.#addEntry(entries, name, reading, keeps, report);
    }
    return entries;
  }

  #addEntry(entries: SourceEntry[], name: string, reading: Reading, keeps: Selection, report: Report): void {
    const isDirectory = this.#isDirectory(name, reading, report);
    if (!keeps(name, isDirectory)) return;
    if (!isDirectory) {
      entries.push({ kind: 'leaf', key: name, isFile: !reading.untyped.has(name) && !reading.noFiles.has(name) });
      return;
    }
    const { rules } = reading;
    const place: Place = { path: this.#pathOf(name), node: undefined, rules, device: this.#place.device };
    entries.push({ kind: 'directory', key: name, directory: new FilesDirectory(this.#scope, place) });
  }

  /** A target, or a directory on the way to one: never excluded. */
  #targetEntry(name: string, targets: ReadonlyMap<string, TargetNode>, report: Report): SourceEntry[] {
    const path = this.#pathOf(name);
    const node = targets.get(name);
    const onTheWay = node !== undefined && !node.target;
    try {
      const stats = (onTheWay ? fs.statSync : fs.lstatSync)(bytesOf(path), { bigint: true });
      if (!stats.isDirectory()) return [{ kind: 'leaf', key: name, isFile: stats.isFile() }];
      const device = this.#scope.oneFileSystem ? stats.dev : undefined;
      const directory = new FilesDirectory(this.#scope, { path, node, rules: undefined, device });
      return [{ kind: 'directory', key: name, directory }];
    } catch (error) {
      report(problemOf(path, error, 'stat'));
      return [];
    }
  }

  /** Everything in the directory, unsorted. `undefined` after a reported failure, or where the walk must not go. */
  #readNames(report: Report): Reading | undefined {
    const { posix, watchedNames } = this.#scope;
    const { path, rules } = this.#place;
    const names: string[] = [];
    const directories = new Set<string>();
    const untyped = new Set<string>();
    const noFiles = new Set<string>();
    const special = new Set<string>();
    const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = fs.constants;
    try {
      const fd = posix.openat(AT_FDCWD, bytesOf(path), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
      try {
        if (!this.#mayEnter(fd)) return undefined;
        posix.readDirectoryLatin1(fd, (name, type) => {
          if (watchedNames.has(name)) special.add(name);
          if (type === EntryType.directory) directories.add(name);
          else if (type === EntryType.unknown) untyped.add(name);
          else if (type !== EntryType.regular) noFiles.add(name);
          names.push(name);
        });
      } finally {
        posix.close(fd);
      }
    } catch (error) {
      report(problemOf(path, error, 'list'));
      return undefined;
    }
    return { names, directories, untyped, noFiles, special, rules: this.#rulesHere(special, rules, report) };
  }

  /** A mount point of another file system is kept as an empty directory; so is a second way into the vault. */
  #mayEnter(fd: number): boolean {
    const { posix, leftOutIdentities } = this.#scope;
    const { device } = this.#place;
    if (device === undefined && leftOutIdentities.size === 0) return true;
    const fields = new BigInt64Array(STAT_FIELDS);
    posix.fstatInto(fd, fields);
    const here = BigInt.asUintN(64, fields[StatField.device] ?? 0n);
    const inode = BigInt.asUintN(64, fields[StatField.inode] ?? 0n);
    if (device !== undefined && here !== device) return false;
    return leftOutIdentities.size === 0 || !leftOutIdentities.has(`${here}:${inode}`);
  }

  #rulesHere(special: ReadonlySet<string>, rules: IgnoreRules | undefined, report: Report): IgnoreRules | undefined {
    const found = this.#scope.ignoreFiles.filter((name) => special.has(name));
    if (found.length === 0) return rules;
    try {
      return readIgnoreRules(this.#place.path, found, rules);
    } catch (error) {
      report(problemOf(this.#pathOf(found[0] ?? ''), error, 'list'));
      return rules;
    }
  }

  /** What to take of this directory, all filters together. */
  #selection({ special, rules }: Reading, report: Report): Selection {
    const { path } = this.#place;
    const filters = this.#scope.excludes.map((matcher) => matcher.inDirectory(path));
    const leftOut = this.#scope.leftOut.get(path);
    const tags = this.#scope.tagFiles.filter(
      (tag) =>
        special.has(tag.name) &&
        hasTagHeader(path, tag, (message) => {
          report({ path: bytesOf(this.#pathOf(tag.name)), code: 'SOURCE_UNREADABLE', message, during: 'list' });
        }),
    );
    if (filters.length === 0 && leftOut === undefined && tags.length === 0 && rules === undefined) return keepAll;
    return (name, isDirectory) =>
      // Only the tag of a tagged directory is kept, so that it is tagged again after a restore.
      tags.every((tag) => tag.name === name) &&
      !(isDirectory && leftOut?.has(name)) &&
      !filters.some((excludes) => excludes(name)) &&
      !(rules !== undefined && isIgnored(rules, path, name, isDirectory));
  }

  #isDirectory(name: string, { directories, untyped }: Reading, report: Report): boolean {
    if (!untyped.has(name)) return directories.has(name);
    const path = this.#pathOf(name);
    const fields = new BigInt64Array(STAT_FIELDS);
    try {
      // A file that has vanished is left to whoever reads it.
      if (!this.#scope.posix.lstatInto(bytesOf(path), fields)) return false;
    } catch (error) {
      report(problemOf(path, error, 'stat'));
    }
    return (Number(fields[StatField.mode]) & FileType.mask) === FileType.directory;
  }

  #pathOf(name: string): string {
    const { path } = this.#place;
    return path === '/' ? `/${name}` : `${path}/${name}`;
  }
}

type Selection = (name: string, isDirectory: boolean) => boolean;

const keepAll: Selection = () => true;

interface Reading {
  /** Latin-1 held, as are all names here. */
  readonly names: string[];
  readonly directories: ReadonlySet<string>;
  /** Entries whose type the file system did not tell. */
  readonly untyped: ReadonlySet<string>;
  /** Symlinks, devices, fifos, sockets. */
  readonly noFiles: ReadonlySet<string>;
  /** Ignore files and tag files that are there. */
  readonly special: ReadonlySet<string>;
  readonly rules: IgnoreRules | undefined;
}

/** Adds targets that the listing did not show, so that their absence is told. */
function mergeTargets(names: readonly string[], targets: ReadonlyMap<string, TargetNode>): string[] {
  return targets.size === 0 ? [...names] : [...new Set([...names, ...targets.keys()])];
}

/** A failed system call as a problem: something that is gone, or something that may not be read. */
export function problemOf(path: string, error: unknown, during: SourceProblem['during']): SourceProblem {
  const gone = systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR';
  const code: ErrorCode = gone ? 'SOURCE_MISSING' : 'SOURCE_UNREADABLE';
  return { path: bytesOf(path), code, message: messageOf(error), during };
}
