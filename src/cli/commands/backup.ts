import type { Command } from 'commander';
import { CairnError } from '../../base/errors.ts';
import { mirrorUrls } from '../../storage/mirror/mirror-url.ts';
import { parseStorageUrl } from '../../storage/open-storage.ts';
import type { BackupOptions, BackupProblem } from '../../vault/actions/backup-action.ts';
import { BackupAhead } from '../../vault/actions/backup-ahead.ts';
import type { BackupSource } from '../../vault/actions/backup-source.ts';
import type { Vault } from '../../vault/vault.ts';
import { beginLean } from '../begin-lean.ts';
import { configuredRuns } from '../backup-targets.ts';
import { backupRuns } from '../backup-runs.ts';
import { cliNotifications, openNotifiedVault } from '../cli-notifications.ts';
import type { CommandModule } from '../command-table.ts';
import type { CliContext } from '../context.ts';
import { collect } from '../global-options.ts';
import { addExamples, addExitCodes, vaultExits } from '../help.ts';
import { cacheFolderOf } from '../open-cli-vault.ts';
import { narrowRun, refuseForNames } from '../narrow-run.ts';
import { addPackOptions, compressionOf, type PackFlags, packSizeOf } from '../pack-options.ts';
import { keepHeapsSmall } from '../small-heaps.ts';
import { registeredSource } from '../registered-source.ts';
import { addSelectionOptions, filesSource, type SelectionFlags } from '../source-options.ts';
import { addStreamOptions, type StreamFlags, streamSource } from '../stream-options.ts';
import { chooseVault } from '../vault-choice.ts';
import { describeBackup, describeBackupCounts } from '../output/backup-report.ts';
import { summarizeProblems } from '../output/source-problems.ts';

interface BackupFlags extends PackFlags, SelectionFlags, StreamFlags {
  readonly name?: string;
  readonly tag?: readonly string[];
  readonly hold?: string;
  readonly time?: string;
  readonly host?: string;
  readonly parent?: string;
  readonly force: boolean;
  readonly dryRun: boolean;
  readonly ignoreInode: boolean;
  readonly ignoreCtime: boolean;
  readonly withAtime: boolean;
  readonly coldClass?: string;
  readonly keepPartial: boolean;
  readonly skipIfUnchanged: boolean;
  readonly allowEmpty: boolean;
}

export const backupCommand: CommandModule = {
  configure(command, start) {
    command
      .description(
        'Saves files and directories, or a stream. Without any setup it uses a vault of its own and makes it the first time.',
      )
      .argument(
        '[paths...]',
        'what to save: paths, or sources and plans of the configuration; with --stdin-from-command, behind `--`: the program and its arguments',
      );
    addNamingOptions(command);
    addSelectionOptions(command);
    addStreamOptions(command);
    addReadingOptions(command);
    command.action((paths: string[], flags: BackupFlags) => start((cli) => backup(cli, paths, flags)));
    addExamples(command, [
      ['cairn backup ~/documents', 'save a directory'],
      ["cairn backup /srv --exclude '*.tmp' --tag nightly", 'leave some files out, and set a tag'],
      ['cairn backup nightly', 'a plan or a source of cairn.yaml'],
      ['pg_dump main | cairn backup --stdin --stdin-filename main.sql', 'save a stream'],
      ['cairn backup --stdin-from-command -- pg_dump main', 'the same, and nothing is saved if pg_dump fails'],
    ]);
    addExitCodes(command, ['partial', ...vaultExits, 'full', 'readOnly', 'source', 'command']);
  },
};

function addNamingOptions(command: Command): void {
  command
    .optionsGroup('The backup:')
    .option('--name <name>', 'the name to find it by (default: the last part of the path)')
    .option('--tag <tag,…>', 'set tags; may be given again', collect)
    .option('--hold <label>', 'exempt it from retention until it is released (`cairn tag REF --release-hold LABEL`)')
    .option('--time <time>', 'the time to record, such as "2026-11-19 14:30" (default: now)')
    .option('--host <name>', 'the host to record (env CAIRN_HOST, RESTIC_HOST; default: this one)')
    .option('--parent <ref>', 'compare with this backup (default: the newest of this host and these paths)')
    .option('-f, --force', 'read every file, also those that look unchanged', false)
    .option('-n, --dry-run', 'save nothing, and say how much would be saved', false)
    .option('--skip-if-unchanged', 'save nothing when nothing changed', false)
    .option('--allow-empty', 'save an empty source although an earlier backup of it was not empty', false)
    .option('--keep-partial', 'when stopped, save what is done as a backup tagged `partial`', false);
}

function addReadingOptions(command: Command): void {
  command
    .optionsGroup('How to read and store:')
    .option('--ignore-inode', 'take a file for unchanged although its inode differs', false)
    .option('--ignore-ctime', 'take a file for unchanged although its ctime differs', false)
    .option('--with-atime', 'record when files were last read', false)
    .option('--cold-class <class>', 'storage class for the data of this backup (default: as `init --cold-class` said)');
  addPackOptions(command);
}

async function backup(cli: CliContext, paths: readonly string[], flags: BackupFlags): Promise<void> {
  // What is wrong with the command line is said before a vault is made or a password is asked.
  const options = backupOptions(cli, flags);
  const stream = streamSource('backup', paths, flags);
  const runs = stream !== undefined ? undefined : await configuredRuns(cli, paths);
  const registered = stream !== undefined ? undefined : await registeredSource(cli, paths);
  beginLean();
  keepHeapsSmall();
  if (registered !== undefined) return backupOne(cli, registered, options, flags);
  if (runs === undefined) return backupOne(cli, stream ?? filesSource(cli, paths, flags), options, flags);
  refuseForNames(runs, flags);
  const narrowed = runs.map((run) => narrowRun(run, flags));
  const [run] = narrowed;
  const [only] = run?.sources ?? [];
  if (narrowed.length === 1 && run?.plan === undefined && run?.sources.length === 1 && only !== undefined) {
    const { name, tags = [] } = only.options;
    const merged = { ...options, name: options.name ?? name, tags: [...tags, ...(options.tags ?? [])] };
    return backupOne(cli, only.source, merged, flags, true);
  }
  return backupRuns(cli, narrowed, { backup: options, coldClass: flags.coldClass, dryRun: flags.dryRun });
}

async function backupOne(
  cli: CliContext,
  source: BackupSource,
  options: BackupOptions,
  flags: BackupFlags,
  isConfigured = false,
): Promise<void> {
  // The threads start and the source is looked at while the key is being derived.
  await using ahead = await beginBackup(cli, source, options);
  // What has a name in the configuration is told of, as a plan is.
  const isTold = isConfigured && !flags.dryRun;
  const sources = options.name === undefined ? [] : [options.name];
  await using notifications = isTold ? await cliNotifications(cli, { sources, vault: undefined }) : undefined;
  const opening = { createDefault: !flags.dryRun, coldClass: flags.coldClass };
  await using vault = await openNotifiedVault(cli, notifications, opening);
  if (flags.dryRun) await preview(cli, vault, source, { ...options, ahead });
  else await save(cli, vault, source, { ...options, ahead });
}

/** Nothing is looked at ahead of plugins and hooks: they may make what is saved. */
async function beginBackup(
  cli: CliContext,
  source: BackupSource,
  options: BackupOptions,
): Promise<BackupAhead | undefined> {
  if ((await cli.extensions()) !== undefined) return undefined;
  const { url } = await chooseVault(cli.options.vault, cli.env, cli.config);
  const place = parseStorageUrl(mirrorUrls(url)?.[0] ?? url);
  return BackupAhead.begin(source, {
    streamName: options.name ?? 'stdin',
    vaultPath: place.kind === 'local' ? place.path : undefined,
    jobs: cli.options.jobs,
    memoryFolder: cacheFolderOf(cli),
    force: options.force ?? false,
  });
}

async function save(cli: CliContext, vault: Vault, source: BackupSource, options: BackupOptions): Promise<void> {
  const result = await cli.follow(vault.backup(source, options));
  if (cli.options.json) await cli.out.json({ schema: 1, ...result });
  else await cli.out.write(describeBackup(result));
  assertComplete(result.problems, `the backup ${result.id.slice(0, 8)} was saved`);
}

async function preview(cli: CliContext, vault: Vault, source: BackupSource, options: BackupOptions): Promise<void> {
  const result = await cli.follow(vault.previewBackup(source, options));
  if (cli.options.json) await cli.out.json({ schema: 1, dryRun: true, ...result });
  else await cli.out.write(`${describeBackupCounts(result)}\ndry run: nothing was saved\n`);
  assertComplete(result.problems, 'the dry run ended');
}

function assertComplete(problems: readonly BackupProblem[], what: string): void {
  if (problems.length === 0) return;
  const { text, hint } = summarizeProblems(problems);
  throw new CairnError('BACKUP_PARTIAL', `${what}, but ${text}`, { hint, facts: { problems: problems.length } });
}

function backupOptions(cli: CliContext, flags: BackupFlags): BackupOptions {
  return {
    name: flags.name,
    tags: (flags.tag ?? []).flatMap((tags) => tags.split(',')).filter((tag) => tag !== ''),
    hold: flags.hold,
    time: flags.time === 'now' ? undefined : flags.time,
    host: flags.host ?? cli.env['CAIRN_HOST'] ?? cli.env['RESTIC_HOST'],
    parent: flags.parent,
    force: flags.force,
    ignoreInode: flags.ignoreInode,
    ignoreCtime: flags.ignoreCtime,
    withAtime: flags.withAtime,
    compression: compressionOf(cli.env, flags),
    packSizeBytes: packSizeOf(flags),
    verifyWrites: flags.verifyWrites,
    keepPartial: flags.keepPartial,
    skipIfUnchanged: flags.skipIfUnchanged,
    allowEmpty: flags.allowEmpty,
    estimate: cli.showsBar,
    onProblem: ({ path, message }) => cli.warn(`${path}: ${message}`),
    signal: cli.signal,
  };
}
