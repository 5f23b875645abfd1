import fs from 'node:fs';
import type { ErrorCode } from '../../base/error-codes.ts';
import { messageOf, systemCode } from '../../base/errors.ts';
import { AT_FDCWD, EntryType, FileType, STAT_FIELDS, StatField } from '../../base/posix/posix.ts';
import type { SourceDirectory, SourceEntry, SourceProblem } from '../../archiver/source.ts';
import type { FilesScope } from './files-scope.ts';
import { isIgnored, readIgnoreRules } from './ignore-rules.ts';
import type { IgnoreRules } from './ignore-rules.ts';
import { bytesOf, latin1Of } from './name-text.ts';
import { hasTagHeader } from './tag-file.ts';
import type { TargetNode } from './target-tree.ts';

type Report = (problem: SourceProblem) => void;

/** An entry while it is sorted: its name (Latin-1 held), a NUL, which sorts before every byte of a name, and its type. */
type TypedName = string;

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
    for (const typed of mergeTargets(reading.names, targets).sort()) {
      const name = typed.slice(0, -2);
      if (targets.has(name)) entries.push(...this.#targetEntry(name, targets, report));
      else this.#addEntry(entries, name, this.#typeOf(typed, report), keeps, reading.rules);
    }
    return entries;
  }

  #addEntry(
    entries: SourceEntry[],
    name: string,
    type: number,
    keeps: Selection,
    rules: IgnoreRules | undefined,
  ): void {
    if (!keeps(name, type === EntryType.directory)) return;
    if (type !== EntryType.directory) {
      entries.push({ kind: 'leaf', name: bytesOf(name) });
      return;
    }
    const place: Place = { path: this.#pathOf(name), node: undefined, rules, device: this.#place.device };
    entries.push({ kind: 'directory', name: bytesOf(name), directory: new FilesDirectory(this.#scope, place) });
  }

  /** A target, or a directory on the way to one: never excluded. */
  #targetEntry(name: string, targets: ReadonlyMap<string, TargetNode>, report: Report): SourceEntry[] {
    const path = this.#pathOf(name);
    const node = targets.get(name);
    const onTheWay = node !== undefined && !node.target;
    try {
      const stats = (onTheWay ? fs.statSync : fs.lstatSync)(bytesOf(path), { bigint: true });
      if (!stats.isDirectory()) return [{ kind: 'leaf', name: bytesOf(name) }];
      const device = this.#scope.oneFileSystem ? stats.dev : undefined;
      const directory = new FilesDirectory(this.#scope, { path, node, rules: undefined, device });
      return [{ kind: 'directory', name: bytesOf(name), directory }];
    } catch (error) {
      report(problemOf(path, error, 'stat'));
      return [];
    }
  }

  /** Everything in the directory, unsorted. `undefined` after a reported failure, or where the walk must not go. */
  #readNames(report: Report): Reading | undefined {
    const { posix, watchedNames } = this.#scope;
    const { path, rules } = this.#place;
    const names: TypedName[] = [];
    const special = new Set<string>();
    const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = fs.constants;
    try {
      const fd = posix.openat(AT_FDCWD, bytesOf(path), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
      try {
        if (!this.#mayEnter(fd)) return undefined;
        posix.readDirectory(fd, (bytes, type) => {
          const name = latin1Of(bytes);
          if (watchedNames.has(name)) special.add(name);
          names.push(`${name}\0${String.fromCharCode(type)}`);
        });
      } finally {
        posix.close(fd);
      }
    } catch (error) {
      report(problemOf(path, error, 'list'));
      return undefined;
    }
    return { names, special, rules: this.#rulesHere(special, rules, report) };
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
      // Of a tagged directory only the tag itself is kept, so that a restore finds it tagged again.
      tags.every((tag) => tag.name === name) &&
      !(isDirectory && leftOut?.has(name)) &&
      !filters.some((excludes) => excludes(name)) &&
      !(rules !== undefined && isIgnored(rules, path, name, isDirectory));
  }

  /** Some file systems do not tell the type of an entry. */
  #typeOf(typed: TypedName, report: Report): number {
    const type = typed.charCodeAt(typed.length - 1);
    if (type !== EntryType.unknown) return type;
    const path = this.#pathOf(typed.slice(0, -2));
    const fields = new BigInt64Array(STAT_FIELDS);
    try {
      // A file that has vanished is left to whoever reads it.
      if (!this.#scope.posix.lstatInto(bytesOf(path), fields)) return EntryType.regular;
    } catch (error) {
      report(problemOf(path, error, 'stat'));
    }
    const isDirectory = (Number(fields[StatField.mode]) & FileType.mask) === FileType.directory;
    return isDirectory ? EntryType.directory : EntryType.regular;
  }

  #pathOf(name: string): string {
    const { path } = this.#place;
    return path === '/' ? `/${name}` : `${path}/${name}`;
  }
}

type Selection = (name: string, isDirectory: boolean) => boolean;

const keepAll: Selection = () => true;

interface Reading {
  readonly names: TypedName[];
  /** Ignore files and tag files that are there. */
  readonly special: ReadonlySet<string>;
  readonly rules: IgnoreRules | undefined;
}

/** Adds targets that the listing did not show, so that their absence is told. */
function mergeTargets(names: TypedName[], targets: ReadonlyMap<string, TargetNode>): TypedName[] {
  if (targets.size === 0) return names;
  const seen = new Set(names.map((typed) => typed.slice(0, -2)));
  const missing = [...targets.keys()].filter((name) => !seen.has(name));
  return [...names, ...missing.map((name) => `${name}\0${String.fromCharCode(EntryType.unknown)}`)];
}

/** A failed system call as a problem: something that is gone, or something that may not be read. */
export function problemOf(path: string, error: unknown, during: SourceProblem['during']): SourceProblem {
  const gone = systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR';
  const code: ErrorCode = gone ? 'SOURCE_MISSING' : 'SOURCE_UNREADABLE';
  return { path: bytesOf(path), code, message: messageOf(error), during };
}
