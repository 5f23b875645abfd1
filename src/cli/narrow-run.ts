// Options of `cairn backup` with names of the configuration.
import { CairnError } from '../base/errors.ts';
import type { BackupSource } from '../vault/actions/backup-source.ts';
import type { BackupRun } from './backup-targets.ts';
import { type FilesSelection, type FilesSource, type SelectionFlags, selectionOf } from './source-options.ts';

interface NarrowingFlags extends SelectionFlags {
  readonly name?: string;
  readonly parent?: string;
  readonly stdinFilename?: string;
}

/** What says something about one source, or about paths. */
export function refuseForNames(runs: readonly BackupRun[], flags: NarrowingFlags): void {
  if (flags.filesFrom ?? flags.filesFromVerbatim ?? flags.filesFromRaw) {
    throw usage('lists of paths cannot be given with names of the configuration');
  }
  if (flags.stdinFilename !== undefined) throw usage('--stdin-filename needs --stdin or --stdin-from-command');
  const sources = runs.reduce((count, run) => count + run.sources.length, 0);
  if (sources > 1 && (flags.name ?? flags.parent) !== undefined) {
    throw usage('--name and --parent are for one source, and these are several');
  }
}

/** The sources of the configuration, with what the command line leaves out as well. */
export function narrowRun(run: BackupRun, flags: SelectionFlags): BackupRun {
  const more = selectionOf(flags);
  const sources = run.sources.map((one) =>
    isFiles(one.source) ? { ...one, source: { ...one.source, ...addSelection(one.source, more) } } : one,
  );
  return { ...run, sources };
}

function isFiles(source: BackupSource): source is FilesSource {
  return typeof source === 'object' && 'type' in source && source.type === 'files';
}

function addSelection(own: FilesSource, more: FilesSelection): FilesSelection {
  const both = (key: 'exclude' | 'iexclude' | 'excludeFiles' | 'iexcludeFiles' | 'excludeIfPresent'): string[] => [
    ...(own[key] ?? []),
    ...(more[key] ?? []),
  ];
  return {
    ...more,
    exclude: both('exclude'),
    iexclude: both('iexclude'),
    excludeFiles: both('excludeFiles'),
    iexcludeFiles: both('iexcludeFiles'),
    excludeIfPresent: both('excludeIfPresent'),
    excludeCaches: own.excludeCaches === true || more.excludeCaches === true,
    useGitignore: own.useGitignore === true || more.useGitignore === true,
    oneFileSystem: own.oneFileSystem === true || more.oneFileSystem === true,
  };
}

function usage(message: string): CairnError {
  return new CairnError('USAGE', message, { hint: 'See `cairn help backup`.' });
}
