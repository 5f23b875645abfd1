import type { Posix } from '../../base/posix/posix.ts';
import type { SourceProblem } from '../../archiver/source.ts';
import type { ExcludeMatcher } from './exclude-patterns.ts';
import type { TagFile } from './tag-file.ts';

/** What every directory of one files source shares. */
export interface FilesScope {
  readonly posix: Posix;
  readonly excludes: readonly ExcludeMatcher[];
  readonly tagFiles: readonly TagFile[];
  /** Names of ignore files (Latin-1 held), rules of a later one winning. */
  readonly ignoreFiles: readonly string[];
  /** Names of both kinds, to notice while listing. */
  readonly watchedNames: ReadonlySet<string>;
  readonly oneFileSystem: boolean;
  /** Directories to leave out, by their parent directory and name (Latin-1 held). */
  readonly leftOut: ReadonlyMap<string, ReadonlySet<string>>;
  /** The same by `device:inode`, for those that are reached on another path. */
  readonly leftOutIdentities: ReadonlySet<string>;
  /** Found before the walk, such as targets that do not exist; told when the root is listed. */
  readonly problems: readonly SourceProblem[];
}
