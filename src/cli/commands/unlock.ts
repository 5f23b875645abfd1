import { messageOf } from '../../base/errors.ts';
import { shortId } from '../../base/ids.ts';
import type { CommandModule } from '../command-table.ts';
import type { CliContext } from '../context.ts';
import { addExamples, addExitCodes, vaultExits } from '../help.ts';
import { openCliVault } from '../open-cli-vault.ts';
import { plural } from '../output/format.ts';

interface UnlockFlags {
  readonly removeAll: boolean;
}

export const unlockCommand: CommandModule = {
  configure(command, start) {
    command
      .description(
        'Removes locks that are provably stale: their process has ended, or they were not refreshed for half an hour.\n' +
          'Other commands do that by themselves when they meet one. Of a mirror, in each of its storages. In a local vault\n' +
          'it also removes what interrupted writes left more than a day ago.',
      )
      .option('--remove-all', 'remove every lock, also of programs that may be running: only if none is', false)
      .action((flags: UnlockFlags) => start((cli) => unlock(cli, flags)));
    addExamples(command, [
      ['cairn unlock', 'stale locks'],
      ['cairn unlock --remove-all', 'all locks, after a question'],
    ]);
    addExitCodes(command, [...vaultExits, 'confirmation', 'readOnly']);
  },
};

async function unlock(cli: CliContext, { removeAll }: UnlockFlags): Promise<void> {
  await using vault = await openCliVault(cli);
  if (removeAll) {
    const consequence = `every lock of ${vault.url} would be removed; a backup or check that is running would lose its protection`;
    await cli.confirm(`${consequence}. Is nothing else using the vault?`, consequence);
  }
  const { removed, kept, unreadable, unreached } = await vault.unlock({ all: removeAll, signal: cli.signal });
  if (cli.options.json) {
    const places = unreached.map(({ url, error }) => ({ url, message: messageOf(error) }));
    await cli.out.json({ schema: 1, removed, kept, unreadable, unreached: places });
    return;
  }
  await cli.out.write(`removed ${plural(removed.length, 'lock')}\n`);
  if (kept.length > 0) cli.info(`kept ${kept.map(shortId).join(', ')}: their programs may be running`);
  if (unreadable.length > 0)
    cli.warn(`kept ${unreadable.map(shortId).join(', ')}, which cannot be read; --remove-all removes them`);
  for (const { url, error } of unreached) cli.warn(`locks of ${url} were left alone: ${messageOf(error)}`);
}
