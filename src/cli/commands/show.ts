import { CairnError } from '../../base/errors.ts';
import type { Vault } from '../../vault/vault.ts';
import { howToRestore } from '../../vault/archives/how-to-restore.ts';
import type { ArchiveDetails, BackupDetails, SnapshotDetails } from '../../vault/reference/backup-details.ts';
import type { ValueBackup } from '../../vault/values/value-backup.ts';
import type { CommandModule } from '../command-table.ts';
import type { CliContext } from '../context.ts';
import { addSingleFilterOptions, singleFilter, type SingleFilterFlags } from '../filter-options.ts';
import { addExamples, addExitCodes, vaultExits } from '../help.ts';
import { openCliVault } from '../open-cli-vault.ts';
import { formatBytes, formatCount, formatDuration, formatTime, plural } from '../output/format.ts';
import { printable } from '../output/printable.ts';
import { shortReference } from '../output/short-reference.ts';

interface ShowFlags extends SingleFilterFlags {
  readonly at?: string;
  readonly howToRestore: boolean;
  readonly versions: boolean;
}

export const showCommand: CommandModule = {
  configure(command, start) {
    command
      .description('Shows everything that is recorded about one backup.')
      .argument('<ref>', 'an id or its beginning, `latest`, a name, name@time, or the stored name of an archive')
      .option('--at <time>', 'the newest backup that is not later than this')
      .option('--how-to-restore', 'print the command that restores it without cairn', false)
      .option('--versions', 'take <ref> as a name: show its newest backup, and how many there are', false);
    addSingleFilterOptions(command);
    command.action((reference: string, flags: ShowFlags) => start((cli) => show(cli, reference, flags)));
    addExamples(command, [
      ['cairn show latest', 'the newest backup'],
      ['cairn show documents@2026-11-19', 'the last one of that day'],
      ['cairn show documents --versions', 'how many there are of that name'],
    ]);
    addExitCodes(command, [...vaultExits, 'unknownRef', 'ambiguousRef']);
  },
};

async function show(cli: CliContext, reference: string, flags: ShowFlags): Promise<void> {
  await using vault = await openCliVault(cli);
  if (flags.versions) {
    await showVersions(cli, vault, reference, flags);
    return;
  }
  const details = await vault.get(reference, { at: flags.at, filter: singleFilter(flags), signal: cli.signal });
  if (flags.howToRestore) await explainRestore(cli, details);
  else if (cli.options.json) await cli.out.json({ schema: 1, ...details });
  else await cli.out.write(renderAny(details));
}

function renderAny(details: BackupDetails): string {
  switch (details.form) {
    case 'snapshot':
      return render(details);
    case 'archive':
      return renderArchive(details);
    case 'value':
      return renderValue(details);
    default:
      return details satisfies never;
  }
}

async function showVersions(cli: CliContext, vault: Vault, name: string, flags: ShowFlags): Promise<void> {
  const info = await vault.info(name, { ...singleFilter(flags), before: flags.at, signal: cli.signal });
  if (info.latest === null) {
    throw new CairnError('REF_UNKNOWN', `there is no backup of the name ${JSON.stringify(name)}`, {
      hint: '`cairn list` shows the names there are.',
    });
  }
  if (cli.options.json) await cli.out.json({ schema: 1, ...info });
  else {
    await cli.out.write(
      `${plural(info.versions, 'version')} of ${printable(name)}, the newest ${printable(shortReference(info.latest))} of ${formatTime(info.latest.time)}\n`,
    );
  }
}

async function explainRestore(cli: CliContext, details: BackupDetails): Promise<void> {
  const command = howToRestore(details);
  if (cli.options.json) {
    await cli.out.json({ schema: 1, id: details.id, form: details.form, command });
    return;
  }
  if (details.form !== 'snapshot') {
    cli.info(
      `# Fetch ${printable(details.object)} from ${printable(cli.options.vault ?? 'the vault')} first, into the folder to restore to.`,
    );
    if (details.form === 'archive' && details.encryption === 'age-recipients') {
      cli.info('# key.txt is the file of the secret key.');
    }
  }
  await cli.out.write(`${command}\n`);
}

/** What it holds is for `kv get`. */
function renderValue(value: ValueBackup): string {
  return renderRows([
    ['id', value.id],
    ['form', 'value'],
    ['key', value.name],
    ['time', value.time.toISOString()],
    ['stored', formatBytes(value.storedBytes)],
    ['compressed', value.compressed ? 'yes' : 'no'],
    ['encrypted', value.encrypted ? 'yes' : 'no'],
    ['object', value.object],
  ]);
}

function renderArchive(archive: ArchiveDetails): string {
  return renderRows([
    ['id', archive.id],
    ['form', 'archive'],
    ['name', archive.name],
    ['time', archive.time.toISOString()],
    ['host', archive.host],
    ['paths', archive.paths.join(', ')],
    ['tags', archive.tags.join(', ')],
    ['size', formatBytes(archive.bytes ?? 0)],
    ['stored', formatBytes(archive.storedBytes ?? 0)],
    ['files', formatCount(archive.fileCount)],
    ['dirs', formatCount(archive.directoryCount)],
    ['compression', archive.codec],
    ['encryption', archive.encryption],
    ['problems', archive.problems === 0 ? '' : formatCount(archive.problems)],
    ['SHA-256', archive.storedSha256],
    ['of the tar', archive.tarSha256],
    ['object', archive.object],
    ['written by', archive.program],
  ]);
}

function render(backup: SnapshotDetails): string {
  const rows: (readonly [string, string])[] = [
    ['id', backup.id],
    ['name', backup.name],
    ['time', backup.exactTime],
    ['host', backup.host],
    ['user', `${backup.username} (uid ${backup.uid}, gid ${backup.gid})`],
    ['paths', backup.paths.join(', ')],
    ['tags', backup.tags.join(', ')],
    ['excludes', backup.excludes.join(', ')],
    ['size', backup.bytes === null ? 'not recorded' : formatBytes(backup.bytes)],
    ['added', backup.storedBytes === null ? 'not recorded' : `${formatBytes(backup.storedBytes)} in the vault`],
    ...summaryRows(backup),
    ['written by', backup.program],
    ['parent', backup.parent ?? ''],
    ['original', backup.original ?? ''],
    ['tree', backup.tree],
  ];
  return renderRows(rows);
}

function renderRows(rows: readonly (readonly [string, string])[]): string {
  const lines = rows
    .filter(([, value]) => value !== '')
    .map(([key, value]) => `${key.padEnd(11)} ${printable(value)}\n`);
  return lines.join('');
}

function summaryRows({ summary }: SnapshotDetails): (readonly [string, string])[] {
  if (summary === null) return [];
  return [
    ['files', counts(summary.filesNew, summary.filesChanged, summary.filesUnmodified)],
    ['dirs', counts(summary.dirsNew, summary.dirsChanged, summary.dirsUnmodified)],
    ['took', formatDuration(summary.durationMs)],
  ];
}

function counts(fresh: number, changed: number, same: number): string {
  return `${formatCount(fresh)} new, ${formatCount(changed)} changed, ${formatCount(same)} unchanged`;
}
