// All commands, without loading any: at its start the program reads only this table, then the file of one command.
import type { Command } from 'commander';
import type { CliContext } from './context.ts';

/** Runs the body of a command with everything it needs from the outside; a thrown error ends the process with its exit code. */
export type StartCommand = (body: (cli: CliContext) => Promise<void>) => Promise<void>;

export interface CommandModule {
  /** Adds arguments, options, help and the action to `command`. */
  readonly configure: (command: Command, start: StartCommand) => void;
}

export interface CommandEntry {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly group: string;
  readonly summary: string;
  readonly load: () => Promise<CommandModule>;
}

const EVERYDAY = 'Everyday:';
const LOOK = 'Look inside:';
const RETENTION = 'Retention:';
const CARE = 'Care:';
const PORTABLE = 'Archives:';
const VALUES = 'Values:';

export const commandTable: readonly CommandEntry[] = [
  entry('init', EVERYDAY, 'make a new vault', async () => (await import('./commands/init.ts')).initCommand),
  entry(
    'backup',
    EVERYDAY,
    'save files and directories',
    async () => (await import('./commands/backup.ts')).backupCommand,
  ),
  entry('restore', EVERYDAY, 'bring a backup back', async () => (await import('./commands/restore.ts')).restoreCommand),
  entry(
    'list',
    EVERYDAY,
    'show the backups of the vault',
    async () => (await import('./commands/list.ts')).listCommand,
    ['snapshots'],
  ),
  entry('show', EVERYDAY, 'show one backup in full', async () => (await import('./commands/show.ts')).showCommand),
  entry('ls', LOOK, 'list the files of a backup', async () => (await import('./commands/ls.ts')).lsCommand),
  entry('find', LOOK, 'find files in all backups', async () => (await import('./commands/find.ts')).findCommand),
  entry('diff', LOOK, 'compare two backups', async () => (await import('./commands/diff.ts')).diffCommand),
  entry('cat', LOOK, 'print a file of a backup', async () => (await import('./commands/cat.ts')).catCommand),
  entry(
    'dump',
    LOOK,
    'write a file or folder to stdout as tar or zip',
    async () => (await import('./commands/dump.ts')).dumpCommand,
  ),
  entry(
    'stats',
    LOOK,
    'show how much the backups hold',
    async () => (await import('./commands/stats.ts')).statsCommand,
  ),
  entry(
    'forget',
    RETENTION,
    'remove backups that no rule keeps',
    async () => (await import('./commands/forget.ts')).forgetCommand,
  ),
  entry(
    'delete',
    RETENTION,
    'remove the backups that are named',
    async () => (await import('./commands/delete.ts')).deleteCommand,
  ),
  entry(
    'rotate',
    RETENTION,
    'keep one backup of each of the last days, weeks, months, …',
    async () => (await import('./commands/rotate.ts')).rotateCommand,
  ),
  entry(
    'delete-older-than',
    RETENTION,
    'remove backups that are older than an interval',
    async () => (await import('./commands/delete-older-than.ts')).deleteOlderThanCommand,
  ),
  entry('tag', RETENTION, 'change the tags of backups', async () => (await import('./commands/tag.ts')).tagCommand),
  entry(
    'rewrite',
    RETENTION,
    'make versions of backups without some files',
    async () => (await import('./commands/rewrite.ts')).rewriteCommand,
  ),
  entry(
    'prune',
    RETENTION,
    'remove data that no backup needs',
    async () => (await import('./commands/prune.ts')).pruneCommand,
  ),
  entry(
    'archive',
    PORTABLE,
    'make one object that age, zstd and tar can open',
    async () => (await import('./commands/archive.ts')).archiveCommand,
  ),
  entry(
    'export',
    PORTABLE,
    'write a backup as an archive file',
    async () => (await import('./commands/export.ts')).exportCommand,
  ),
  entry(
    'import',
    PORTABLE,
    'take an archive file into the vault',
    async () => (await import('./commands/import.ts')).importCommand,
  ),
  entry('check', CARE, 'verify the vault', async () => (await import('./commands/check.ts')).checkCommand),
  entry(
    'repair',
    CARE,
    'repair the index, damaged packs, damaged backups',
    async () => (await import('./commands/repair.ts')).repairCommand,
  ),
  entry(
    'recover',
    CARE,
    'bring back what lost its backup',
    async () => (await import('./commands/recover.ts')).recoverCommand,
  ),
  entry(
    'copy',
    CARE,
    'copy backups from one vault to another',
    async () => (await import('./commands/copy.ts')).copyCommand,
  ),
  entry(
    'migrate',
    CARE,
    'turn a vault of version 1 into version 2',
    async () => (await import('./commands/migrate.ts')).migrateCommand,
  ),
  entry(
    'mirror',
    CARE,
    'compare the storages of a mirrored vault, and let them catch up',
    async () => (await import('./commands/mirror.ts')).mirrorCommand,
  ),
  entry('key', CARE, 'list, add, change and remove keys', async () => (await import('./commands/key.ts')).keyCommand),
  entry('unlock', CARE, 'remove stale locks', async () => (await import('./commands/unlock.ts')).unlockCommand),
  entry('cache', CARE, 'list or clear the local cache', async () => (await import('./commands/cache.ts')).cacheCommand),
  entry(
    'catalog',
    CARE,
    'query the catalog of this machine, and bring it up to date',
    async () => (await import('./commands/catalog.ts')).catalogCommand,
  ),
  entry(
    'doctor',
    CARE,
    'look for problems of this machine and this vault',
    async () => (await import('./commands/doctor.ts')).doctorCommand,
  ),
  entry(
    'serve',
    CARE,
    "serve a storage over restic's REST protocol",
    async () => (await import('./commands/serve.ts')).serveCommand,
  ),
  entry(
    'config',
    CARE,
    'make, check and show the configuration',
    async () => (await import('./commands/config.ts')).configCommand,
  ),
  entry(
    'completion',
    CARE,
    'print a completion script for a shell',
    async () => (await import('./commands/completion.ts')).completionCommand,
  ),
  entry(
    'kv',
    VALUES,
    'set, get, delete and list values under keys, and make URLs for them',
    async () => (await import('./commands/kv.ts')).kvCommand,
  ),
];

function entry(
  name: string,
  group: string,
  summary: string,
  load: () => Promise<CommandModule>,
  aliases: readonly string[] = [],
): CommandEntry {
  return { name, aliases, group, summary, load };
}

/** The entry of a command by its name or alias. */
export function findCommand(name: string): CommandEntry | undefined {
  return commandTable.find((entry) => entry.name === name || entry.aliases.includes(name));
}

/** Names that no plugin can give to a command of its own. */
export const reservedNames: ReadonlySet<string> = new Set([
  'help',
  ...commandTable.flatMap(({ name, aliases }) => [name, ...aliases]),
]);
