import type { BackupRecord } from '../../vault/reference/backup-record.ts';
import type { CommandModule } from '../command-table.ts';
import type { CliContext } from '../context.ts';
import { addFilterOptions, type FilterFlags, filtersOf } from '../filter-options.ts';
import { collect, parsePositiveInteger } from '../global-options.ts';
import { addExamples, addExitCodes, vaultExits } from '../help.ts';
import { openCliVault } from '../open-cli-vault.ts';
import { toJson } from '../output/json.ts';
import { formatBytes, formatTime, plural } from '../output/format.ts';
import { printable } from '../output/printable.ts';
import { shortReference } from '../output/short-reference.ts';
import { renderTable } from '../output/table.ts';

interface ListFlags extends FilterFlags {
  readonly expect?: readonly string[];
  readonly latest?: number;
}

export const listCommand: CommandModule = {
  configure(command, start) {
    command.description('Shows the backups of the vault, oldest first.');
    addFilterOptions(command)
      .option('--latest <n>', 'only the newest n of each name and host', parsePositiveInteger)
      .option(
        '--expect <name=interval>',
        'instead: whether a backup of this name is there that is not older, such as main=1D; again: and of that one',
        collect,
      )
      .action((flags: ListFlags) =>
        start(async (cli) => {
          if (flags.expect === undefined) return list(cli, flags);
          return (await import('../list-expected.ts')).listExpected(cli, flags.expect, flags);
        }),
      );
    addExamples(command, [
      ['cairn list', 'all backups'],
      ['cairn list --name documents --latest 3', 'the newest three of one name'],
      ['cairn list --expect main=1D --expect photos=1W', 'which of these are overdue; the exit code tells, too'],
      ['cairn list --tag nightly --after 2026-11-01 --json', 'for a program'],
    ]);
    addExitCodes(command, [...vaultExits, 'overdue']);
  },
};

async function list(cli: CliContext, flags: ListFlags): Promise<void> {
  await using vault = await openCliVault(cli);
  const found = new Map<string, BackupRecord>();
  for (const filter of filtersOf(flags)) {
    for await (const backup of vault.list({ ...filter, signal: cli.signal })) found.set(backup.id, backup);
  }
  const sorted = [...found.values()].toSorted((a, b) => a.time.getTime() - b.time.getTime());
  const backups = flags.latest === undefined ? sorted : newestOfEach(sorted, flags.latest);
  if (cli.options.json) await cli.out.write(`${toJson(backups)}\n`);
  else await cli.out.write(render(cli, backups));
}

/** `backups` is sorted by time. */
function newestOfEach(backups: readonly BackupRecord[], count: number): BackupRecord[] {
  const seen = new Map<string, number>();
  const kept = backups.toReversed().filter(({ name, host }) => {
    const key = `${host}\0${name}`;
    const number = (seen.get(key) ?? 0) + 1;
    seen.set(key, number);
    return number <= count;
  });
  return kept.toReversed();
}

function render({ options, style }: CliContext, backups: readonly BackupRecord[]): string {
  if (backups.length === 0) return options.quiet ? '' : 'no backups found\n';
  const rows = backups.map((backup) => [
    printable(shortReference(backup)),
    formatTime(backup.time),
    printable(backup.name),
    printable(backup.host),
    printable(backup.tags.join(',')),
    backup.bytes === null ? '?' : formatBytes(backup.bytes),
    backup.storedBytes === null ? '?' : formatBytes(backup.storedBytes),
    printable(backup.paths.join(', ')),
  ]);
  const table = renderTable(
    [
      { title: 'ID' },
      { title: 'TIME' },
      { title: 'NAME' },
      { title: 'HOST' },
      { title: 'TAGS' },
      { title: 'SIZE', align: 'right' },
      { title: 'ADDED', align: 'right' },
      { title: 'PATHS' },
    ],
    rows,
  );
  const [head = '', ...body] = table.split('\n');
  const footer = options.quiet ? '' : `${style('dim', plural(backups.length, 'backup'))}\n`;
  return `${style('bold', head)}\n${body.join('\n')}${footer}`;
}
