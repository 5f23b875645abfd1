import { Option } from 'commander';
import { CairnError } from '../../base/errors.ts';
import { shortId } from '../../base/ids.ts';
import type { StatsMode } from '../../repository/walk/repository-stats.ts';
import type { GrowthStep, ModeStats, VaultStats } from '../../vault/look/look-stats.ts';
import type { CommandModule } from '../command-table.ts';
import type { CliContext } from '../context.ts';
import { addFilterOptions, type FilterFlags, filtersOf } from '../filter-options.ts';
import { addExamples, addExitCodes, vaultExits } from '../help.ts';
import { openCliVault } from '../open-cli-vault.ts';
import { formatBytes, formatCount, formatTime } from '../output/format.ts';
import { writeJsonList } from '../output/json.ts';
import { printable } from '../output/printable.ts';
import { renderTable } from '../output/table.ts';

const modes: readonly StatsMode[] = ['restore-size', 'files-by-contents', 'blobs-per-file', 'raw-data'];

interface StatsFlags extends FilterFlags {
  readonly mode?: StatsMode;
  readonly history: boolean;
}

export const statsCommand: CommandModule = {
  configure(command, start) {
    command
      .description('Shows how much the backups hold and what they take in the vault.')
      .argument('[ref]', 'only this backup')
      .addOption(new Option('--mode <mode>', "count in one of restic's ways").choices(modes))
      .option('--history', 'show what each backup added to those before it', false);
    addFilterOptions(command).action((reference: string | undefined, flags: StatsFlags) =>
      start((cli) => stats(cli, reference, flags)),
    );
    addExamples(command, [
      ['cairn stats', 'all backups together'],
      ['cairn stats latest', 'one of them'],
      ['cairn stats --history --host web', 'how the vault grew by the backups of one host'],
    ]);
    addExitCodes(command, [...vaultExits, 'unknownRef', 'ambiguousRef']);
  },
};

async function stats(cli: CliContext, reference: string | undefined, flags: StatsFlags): Promise<void> {
  const { mode, history } = flags;
  if (history && mode !== undefined) {
    throw new CairnError('USAGE', 'a history counts in one way only, so --mode has nothing to say', {
      hint: 'Give either --history or --mode.',
    });
  }
  await using vault = await openCliVault(cli);
  const options = { reference, filter: filtersOf(flags), signal: cli.signal };
  if (history) {
    await printHistory(cli, vault.growth(options));
  } else if (mode === undefined) {
    const result = await vault.stats(options);
    if (cli.options.json) await cli.out.json({ schema: 1, ...result });
    else await cli.out.write(render(result));
  } else {
    const result = await vault.statsByMode(mode, options);
    if (cli.options.json) await cli.out.json({ schema: 1, ...result });
    else await cli.out.write(renderMode(result));
  }
}

function render(stats: VaultStats): string {
  const ratio = stats.storedBytes === 0 ? 1 : stats.restoreBytes / stats.storedBytes;
  return (
    `backups    ${formatCount(stats.snapshots)}\n` +
    `entries    ${formatCount(stats.files)}\n` +
    `restored   ${formatBytes(stats.restoreBytes)}\n` +
    `stored     ${formatBytes(stats.storedBytes)} in ${formatCount(stats.blobs)} blobs\n` +
    `           ${formatBytes(stats.uncompressedBytes)} before compression\n` +
    `ratio      ${ratio.toFixed(2)} restored bytes per stored byte\n`
  );
}

function renderMode({ mode, snapshots, bytes, uncompressedBytes, files, blobs }: ModeStats): string {
  const isRaw = mode === 'raw-data';
  const rows = [
    ['mode', mode],
    ['backups', formatCount(snapshots)],
    ...(isRaw ? [] : [['files', formatCount(files)]]),
    ...(isRaw || mode === 'blobs-per-file' ? [['blobs', formatCount(blobs)]] : []),
    ['size', formatBytes(bytes)],
    ...(isRaw ? [['', `${formatBytes(uncompressedBytes)} before compression`]] : []),
  ];
  return rows.map(([key = '', value = '']) => `${key.padEnd(9)}  ${value}\n`).join('');
}

async function printHistory(cli: CliContext, steps: AsyncIterable<GrowthStep>): Promise<void> {
  if (cli.options.json) {
    await writeJsonList((text) => cli.out.write(text), { schema: 1 }, 'history', steps);
    return;
  }
  const rows: string[][] = [];
  for await (const { backup, newBlobs, newBytes, newUncompressedBytes, totalBytes } of steps) {
    rows.push([
      shortId(backup.id),
      formatTime(backup.time),
      printable(backup.name),
      formatCount(newBlobs),
      formatBytes(newUncompressedBytes),
      formatBytes(newBytes),
      formatBytes(totalBytes),
    ]);
  }
  const right = { align: 'right' as const };
  const columns = [
    { title: 'ID' },
    { title: 'TIME' },
    { title: 'NAME' },
    { title: 'NEW BLOBS', ...right },
    { title: 'NEW', ...right },
    { title: 'STORED', ...right },
    { title: 'TOTAL', ...right },
  ];
  await cli.out.write(renderTable(columns, rows));
}
