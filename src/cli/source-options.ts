// What to save of the files of this machine: the options that `backup` and `archive` share.
import type { Command } from 'commander';
import { CairnError } from '../base/errors.ts';
import type { BackupSource } from '../vault/actions/backup-source.ts';
import type { CliContext } from './context.ts';
import { collect } from './global-options.ts';

export type FilesSource = Extract<BackupSource, { readonly type: 'files' }>;

/** What is left out of a source of files. */
export type FilesSelection = Pick<
  FilesSource,
  | 'exclude'
  | 'iexclude'
  | 'excludeFiles'
  | 'iexcludeFiles'
  | 'excludeCaches'
  | 'excludeIfPresent'
  | 'excludeLargerThan'
  | 'ignoreFiles'
  | 'useGitignore'
  | 'oneFileSystem'
>;

export interface SelectionFlags {
  readonly exclude?: readonly string[];
  readonly iexclude?: readonly string[];
  readonly excludeFile?: readonly string[];
  readonly iexcludeFile?: readonly string[];
  readonly excludeCaches: boolean;
  readonly excludeLargerThan?: string;
  readonly excludeIfPresent?: readonly string[];
  readonly ignoreFile?: readonly string[];
  readonly gitignore: boolean;
  readonly oneFileSystem: boolean;
  readonly filesFrom?: readonly string[];
  readonly filesFromVerbatim?: readonly string[];
  readonly filesFromRaw?: readonly string[];
}

export function addSelectionOptions(command: Command): void {
  command
    .optionsGroup('What to save:')
    .option('-e, --exclude <pattern>', 'leave out what matches; may be given again, as all of these', collect)
    .option('--iexclude <pattern>', 'the same, without regard to case', collect)
    .option('--exclude-file <file>', 'read such patterns from a file', collect)
    .option('--iexclude-file <file>', 'the same, without regard to case', collect)
    .option('--exclude-caches', 'leave out directories that a CACHEDIR.TAG marks as caches', false)
    .option('--exclude-larger-than <size>', 'leave out larger files, such as 100M')
    .option('--exclude-if-present <file[:header]>', 'leave out what is in a directory with such a file', collect)
    .option(
      '--ignore-file <name>',
      'honour files of this name with gitignore rules (default: .cairnignore and .bakthatexclude)',
      collect,
    )
    .option('--gitignore', 'honour .gitignore files', false)
    .option('-x, --one-file-system', 'do not enter other file systems', false)
    .option('--files-from <file>', 'read patterns of paths to save from a file; `-` is stdin', collect)
    .option('--files-from-verbatim <file>', 'read paths from a file, one a line, as they are', collect)
    .option('--files-from-raw <file>', 'read paths from a file, each ended by a NUL', collect);
}

/** Throws `USAGE` where nothing is named. */
export function filesSource(cli: CliContext, targets: readonly string[], flags: SelectionFlags): BackupSource {
  const lists = [flags.filesFrom, flags.filesFromVerbatim, flags.filesFromRaw];
  if (targets.length === 0 && lists.every((list) => list === undefined)) {
    throw new CairnError('USAGE', 'nothing to back up: name a file or directory, such as `cairn backup ~/documents`');
  }
  return {
    type: 'files',
    targets,
    filesFrom: flags.filesFrom ?? [],
    filesFromVerbatim: flags.filesFromVerbatim ?? [],
    filesFromRaw: flags.filesFromRaw ?? [],
    ...selectionOf(flags),
    env: cli.env,
  };
}

/** What the options leave out. */
export function selectionOf(flags: SelectionFlags): FilesSelection {
  return {
    exclude: flags.exclude ?? [],
    iexclude: flags.iexclude ?? [],
    excludeFiles: flags.excludeFile ?? [],
    iexcludeFiles: flags.iexcludeFile ?? [],
    excludeCaches: flags.excludeCaches,
    excludeIfPresent: flags.excludeIfPresent ?? [],
    ...(flags.excludeLargerThan === undefined ? {} : { excludeLargerThan: flags.excludeLargerThan }),
    ...(flags.ignoreFile === undefined ? {} : { ignoreFiles: flags.ignoreFile }),
    useGitignore: flags.gitignore,
    oneFileSystem: flags.oneFileSystem,
  };
}
