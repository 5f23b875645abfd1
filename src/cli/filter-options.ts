import type { Command } from 'commander';
import { CairnError } from '../base/errors.ts';
import type { BackupFilter } from '../vault/reference/backup-filter.ts';
import { collect } from './global-options.ts';

/** The options that choose backups. */
export interface FilterFlags {
  readonly name?: string;
  readonly tag?: readonly string[];
  readonly host?: string;
  readonly path?: readonly string[];
  readonly after?: string;
  readonly before?: string;
}

export function addFilterOptions(command: Command): Command {
  return command
    .option('--name <name>', 'only backups of this name')
    .option('--tag <tag,…>', 'only backups with all of these tags; again: or with all of those', collect)
    .option('--host <host>', 'only backups of this host')
    .option('--path <path>', 'only backups of this absolute path; again: and of that one', collect)
    .option('--after <time>', 'only backups made at this time or later, such as 2026-11-19')
    .option('--before <time>', 'only backups made at this time or earlier');
}

/** `--tag a,b --tag c` means (a and b) or c, as in restic; several filters are needed where that is asked. */
export function filtersOf(flags: FilterFlags): readonly BackupFilter[] {
  const base: BackupFilter = {
    name: flags.name,
    host: flags.host,
    paths: flags.path,
    after: flags.after,
    before: flags.before,
  };
  if (flags.tag === undefined) return [base];
  return flags.tag.map((tags) => ({ ...base, tags: { all: splitTags(tags) } }));
}

/** Throws `USAGE` for an empty text: an unset variable of a script would mean every backup. */
function splitTags(text: string): string[] {
  const tags = text.split(',').filter((tag) => tag.trim() !== '');
  if (tags.length > 0) return tags;
  throw new CairnError('USAGE', '--tag needs a tag', { hint: 'Leave it out where backups of all tags are meant.' });
}

/** The options that narrow down a reference to one backup. */
export interface SingleFilterFlags {
  readonly host?: string;
  readonly tag?: readonly string[];
}

export function addSingleFilterOptions(command: Command): Command {
  return command
    .option('--host <host>', 'look only at backups of this host')
    .option('--tag <tag,…>', 'look only at backups with all of these tags', collect);
}

export function singleFilter({ host, tag }: SingleFilterFlags): BackupFilter | undefined {
  if (host === undefined && tag === undefined) return undefined;
  return { host, tags: { all: (tag ?? []).flatMap(splitTags) } };
}
