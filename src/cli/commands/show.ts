import type { BackupDetails } from '../../vault/reference/backup-details.ts';
import type { CommandModule } from '../command-table.ts';
import type { CliContext } from '../context.ts';
import { addSingleFilterOptions, singleFilter, type SingleFilterFlags } from '../filter-options.ts';
import { addExamples, addExitCodes, vaultExits } from '../help.ts';
import { openCliVault } from '../open-cli-vault.ts';
import { formatBytes, formatCount, formatDuration } from '../output/format.ts';
import { printable } from '../output/printable.ts';

interface ShowFlags extends SingleFilterFlags {
  readonly at?: string;
}

export const showCommand: CommandModule = {
  configure(command, start) {
    command
      .description('Shows everything that is recorded about one backup.')
      .argument('<ref>', 'an id or its beginning, `latest`, a name, or name@time')
      .option('--at <time>', 'the newest backup that is not later than this');
    addSingleFilterOptions(command);
    command.action((reference: string, flags: ShowFlags) => start((cli) => show(cli, reference, flags)));
    addExamples(command, [
      ['cairn show latest', 'the newest backup'],
      ['cairn show documents@2026-11-19', 'the last one of that day'],
    ]);
    addExitCodes(command, [...vaultExits, 'unknownRef', 'ambiguousRef']);
  },
};

async function show(cli: CliContext, reference: string, flags: ShowFlags): Promise<void> {
  await using vault = await openCliVault(cli);
  const details = await vault.get(reference, { at: flags.at, filter: singleFilter(flags), signal: cli.signal });
  if (cli.options.json) await cli.out.json({ schema: 1, ...details });
  else await cli.out.write(render(details));
}

function render(backup: BackupDetails): string {
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
  const lines = rows
    .filter(([, value]) => value !== '')
    .map(([key, value]) => `${key.padEnd(11)} ${printable(value)}\n`);
  return lines.join('');
}

function summaryRows({ summary }: BackupDetails): (readonly [string, string])[] {
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
