import fs from 'node:fs';
import path from 'node:path';
import { parseSize } from '../../base/size-text.ts';
import { bytesKey, bytesOf, utf8Lossy } from '../../base/bytes.ts';
import { CairnArgumentError, CairnError } from '../../base/errors.ts';
import { openPosix } from '../../base/posix/open-posix.ts';
import type { Posix } from '../../base/posix/posix.ts';
import type { Source, SourceProblem } from '../../archiver/source.ts';
import { compileExcludes } from './exclude-patterns.ts';
import { expandGlob } from './expand-glob.ts';
import { FilesDirectory, problemOf } from './files-directory.ts';
import type { FilesScope } from './files-scope.ts';
import { listLines, rawNames, readExcludeFile, readListFile, verbatimLines } from './list-file.ts';
import { cacheTag, parseTagFile } from './tag-file.ts';
import { directoryStoredAs, type StreamFile } from './stored-as.ts';
import { buildTargetTree } from './target-tree.ts';

/** A path as text, or as raw bytes where it is not UTF-8. */
export type RawPath = string | Uint8Array;

export interface FilesSourceOptions {
  /** Files and directories; relative ones start at `cwd`. A symlink is backed up as a symlink. */
  readonly targets?: readonly RawPath[];
  /** Lists of patterns that name targets, one a line, `#` for comments; `-` is standard input, as for the two below. */
  readonly filesFrom?: readonly string[];
  /** Lists of paths, one a line, taken as they are. */
  readonly filesFromVerbatim?: readonly string[];
  /** Lists of paths that each end with a NUL. */
  readonly filesFromRaw?: readonly string[];
  /** Default: the working directory. */
  readonly cwd?: string;
  /**
   * Stores the one target, a directory, at this path of the snapshot: for what lies in a place of no meaning, such as a
   * temporary directory. Backups of the same path have a history together.
   */
  readonly storedAs?: string;
  /** Files of that directory, such as the output of programs, that exist only as streams. */
  readonly streams?: readonly StreamFile[];

  /** restic's exclude patterns. What a target names itself is never excluded. */
  readonly exclude?: readonly string[];
  /** The same without regard to case. */
  readonly iexclude?: readonly string[];
  /** Files of such patterns: one a line, `#` for comments, variables of `env` replaced. */
  readonly excludeFiles?: readonly string[];
  readonly iexcludeFiles?: readonly string[];
  /** Leaves out what is in a directory with a valid CACHEDIR.TAG, except the tag. */
  readonly excludeCaches?: boolean;
  /** `name[:header]`: leaves out what is in a directory with such a file, except that file. */
  readonly excludeIfPresent?: readonly string[];
  /** A size such as `10M`; larger files are left out. */
  readonly excludeLargerThan?: string;
  /** Does not enter other file systems; their mount points are kept as empty directories. */
  readonly oneFileSystem?: boolean;
  /** Honours `.gitignore` in the targets and below; `.git` itself is kept. */
  readonly useGitignore?: boolean;
  /**
   * Files with gitignore rules that are always honoured, a later one winning. Default: bakthat's `.bakthatexclude`, then
   * `.cairnignore`.
   */
  readonly ignoreFiles?: readonly string[];
  /** Directories that are always left out, such as the vault that the backup goes to. */
  readonly excludePaths?: readonly RawPath[];

  readonly env?: NodeJS.ProcessEnv;
  readonly posix?: Posix;
}

const defaultIgnoreFiles: readonly string[] = ['.bakthatexclude', '.cairnignore'];

/**
 * A source over files and directories. The snapshot's root mirrors absolute paths.
 * Targets that do not exist are told as problems when the root is listed, as long as another one exists.
 * Throws `SOURCE_MISSING` if none does, `SOURCE_EMPTY` if none is named or all lie in `excludePaths`,
 * `EXCLUDE_INVALID` for malformed patterns and unreadable lists, `ARGUMENT_INVALID` for an empty path, a NUL in a list
 * of lines, a bad size or tag.
 */
export async function openFilesSource(options: FilesSourceOptions): Promise<Source> {
  const cwd = bytesKey(rawBytes(options.cwd ?? process.cwd()));
  const named = collectTargets(options, cwd);
  const patterns = readPatterns(options);
  const matchers = [compileExcludes(patterns.exclude), compileExcludes(patterns.iexclude, { ignoreCase: true })];
  const leftOut = leftOutDirectories(options.excludePaths ?? [], cwd, named);
  const { present, problems } = checkTargets(named, leftOut.paths);
  const oneFileSystem = options.oneFileSystem ?? false;
  const gitignore = options.useGitignore ? ['.gitignore'] : [];
  const ignoreFiles = [...gitignore, ...(options.ignoreFiles ?? defaultIgnoreFiles)].map((name) =>
    bytesKey(rawBytes(name)),
  );
  const tagFiles = [
    ...(options.excludeCaches ? [cacheTag] : []),
    ...(options.excludeIfPresent ?? []).map(parseTagFile),
  ];
  const scope: FilesScope = {
    posix: options.posix ?? openPosix(),
    excludes: matchers.filter((matcher) => matcher !== undefined),
    tagFiles,
    ignoreFiles,
    watchedNames: new Set([...ignoreFiles, ...tagFiles.map((tag) => tag.name)]),
    oneFileSystem,
    leftOut: byParent(leftOut.paths),
    leftOutIdentities: leftOut.identities,
    problems,
  };
  const excludes = [...patterns.exclude, ...patterns.iexclude];
  const maxFileSize = options.excludeLargerThan === undefined ? undefined : parseSize(options.excludeLargerThan);
  if (options.storedAs !== undefined) {
    const stored = { path: options.storedAs, streams: options.streams ?? [] };
    return { ...directoryStoredAs(scope, present, stored), excludes, maxFileSize, oneFileSystem };
  }
  const node = buildTargetTree(present);
  const device = oneFileSystem && node.target ? fs.lstatSync('/', { bigint: true }).dev : undefined;
  return {
    root: new FilesDirectory(scope, { path: '/', node, rules: undefined, device }),
    paths: present.map((target) => utf8Lossy(bytesOf(target))),
    excludes,
    maxFileSize,
    oneFileSystem,
  };
}

function rawBytes(raw: RawPath): Uint8Array {
  return typeof raw === 'string' ? Buffer.from(raw, 'utf8') : raw;
}

/** Absolute, normalised, Latin-1 held, in the order of naming, without repetitions. */
function collectTargets(options: FilesSourceOptions, cwd: string): string[] {
  const resolve = (target: string): string => path.posix.resolve(cwd, target);
  const patterns = readLists(options.filesFrom, listLines);
  const named = [
    ...patterns.flatMap((pattern) => {
      const found = expandGlob(pattern, cwd);
      // A pattern without a match is told like any other target that does not exist.
      return found.length > 0 ? found : [pattern];
    }),
    ...readLists(options.filesFromVerbatim, verbatimLines),
    ...readLists(options.filesFromRaw, rawNames),
    ...(options.targets ?? []).map((target) => bytesKey(rawBytes(target))),
  ];
  if (named.length === 0) {
    throw new CairnError('SOURCE_EMPTY', 'nothing to back up', { hint: 'Name at least one file or directory.' });
  }
  if (named.includes('')) {
    // Resolved, it would be the current directory: not what an unset variable of a script stands for.
    throw new CairnArgumentError('a path to back up is empty', { hint: 'Write `.` for the current directory.' });
  }
  return [...new Set(named.map(resolve))];
}

function readLists(files: readonly string[] | undefined, parse: (latin1: string) => string[]): string[] {
  return (files ?? []).flatMap((file) => parse(readListFile(file)));
}

function readPatterns(options: FilesSourceOptions): { readonly exclude: string[]; readonly iexclude: string[] } {
  const env = options.env ?? process.env;
  const all = (given: readonly string[] = [], files: readonly string[] = []): string[] => [
    ...given,
    ...files.flatMap((file) => readExcludeFile(file, env)),
  ];
  return {
    exclude: all(options.exclude, options.excludeFiles),
    iexclude: all(options.iexclude, options.iexcludeFiles),
  };
}

/** Sorts out targets that are missing or lie in a directory to leave out. */
function checkTargets(
  targets: readonly string[],
  leftOut: ReadonlySet<string>,
): { present: string[]; problems: SourceProblem[] } {
  const present: string[] = [];
  const problems: SourceProblem[] = [];
  for (const target of targets) {
    if ([...leftOut].some((directory) => isWithin(target, directory))) {
      const message = 'lies in a directory that is always left out, such as the vault itself';
      problems.push({ path: bytesOf(target), code: 'SOURCE_EMPTY', message, during: 'stat' });
      continue;
    }
    try {
      fs.lstatSync(bytesOf(target));
      present.push(target);
    } catch (error) {
      problems.push(problemOf(target, error, 'stat'));
    }
  }
  const [first] = problems;
  if (present.length === 0 && first !== undefined) {
    const paths = problems.map((problem) => utf8Lossy(problem.path));
    throw new CairnError(first.code, `nothing to back up: ${first.message}`, { facts: { paths } });
  }
  return { present, problems };
}

function isWithin(inner: string, outer: string): boolean {
  return inner === outer || inner.startsWith(outer.endsWith('/') ? outer : `${outer}/`);
}

interface LeftOut {
  readonly paths: ReadonlySet<string>;
  readonly identities: ReadonlySet<string>;
}

/** The directories to leave out, on every path on which the walk from a target can come by them. */
function leftOutDirectories(excluded: readonly RawPath[], cwd: string, targets: readonly string[]): LeftOut {
  const paths = new Set<string>();
  const identities = new Set<string>();
  for (const raw of excluded) {
    const given = path.posix.resolve(cwd, bytesKey(rawBytes(raw)));
    paths.add(given);
    const real = realPath(given);
    if (real === undefined) continue;
    const stats = fs.statSync(bytesOf(real), { bigint: true });
    identities.add(`${stats.dev}:${stats.ino}`);
    paths.add(real);
    for (const target of targets) {
      const realTarget = realPath(target);
      if (realTarget !== undefined && realTarget !== target && isWithin(real, realTarget)) {
        paths.add(path.posix.join(target, real.slice(realTarget.length)));
      }
    }
  }
  return { paths, identities };
}

function realPath(latin1: string): string | undefined {
  try {
    return bytesKey(fs.realpathSync.native(bytesOf(latin1), { encoding: 'buffer' }));
  } catch {
    return undefined;
  }
}

function byParent(paths: ReadonlySet<string>): Map<string, Set<string>> {
  const parents = new Map<string, Set<string>>();
  for (const full of paths) {
    const parent = path.posix.dirname(full);
    const names = parents.get(parent) ?? new Set<string>();
    names.add(path.posix.basename(full));
    parents.set(parent, names);
  }
  return parents;
}
