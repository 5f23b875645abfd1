import type { CommandModule } from '../command-table.ts';
import type { CliContext } from '../context.ts';
import { addFilterOptions, type FilterFlags, filtersOf } from '../filter-options.ts';
import { addExamples, addExitCodes, vaultExits } from '../help.ts';
import { openCliVault } from '../open-cli-vault.ts';
import { formatBytes, formatCount } from '../output/format.ts';
import { CairnError } from '../../base/errors.ts';
import type { VaultStats } from '../../vault/look/look-inside.ts';

export const statsCommand: CommandModule = {
  configure(command, start) {
    command
      .description('Shows how much the backups hold and what they take in the vault.')
      .argument('[ref]', 'only this backup');
    addFilterOptions(command).action((reference: string | undefined, flags: FilterFlags) =>
      start((cli) => stats(cli, reference, flags)),
    );
    addExamples(command, [
      ['cairn stats', 'all backups together'],
      ['cairn stats latest', 'one of them'],
    ]);
    addExitCodes(command, [...vaultExits, 'unknownRef', 'ambiguousRef']);
  },
};

async function stats(cli: CliContext, reference: string | undefined, flags: FilterFlags): Promise<void> {
  const [filter, ...others] = filtersOf(flags);
  if (others.length > 0)
    throw new CairnError('USAGE', 'stats takes one --tag; its tags are all needed', { hint: 'Write --tag a,b.' });
  await using vault = await openCliVault(cli);
  const result = await vault.stats({ reference, filter, signal: cli.signal });
  if (cli.options.json) await cli.out.json({ schema: 1, ...result });
  else await cli.out.write(render(result));
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
