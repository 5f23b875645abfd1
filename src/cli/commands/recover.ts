import { shortId } from '../../base/ids.ts';
import type { CommandModule } from '../command-table.ts';
import type { CliContext } from '../context.ts';
import { addExamples, addExitCodes, vaultExits } from '../help.ts';
import { openCliVault } from '../open-cli-vault.ts';
import { plural } from '../output/format.ts';

interface RecoverFlags {
  readonly dryRun: boolean;
}

export const recoverCommand: CommandModule = {
  configure(command, start) {
    command
      .description(
        'Looks for folders that no backup refers to, such as those of a backup that was removed and not pruned yet, and\n' +
          'makes one backup, tagged `recovered`, in which each of them is a folder.',
      )
      .option('-n, --dry-run', 'show what would be brought back, and do nothing', false)
      .action((flags: RecoverFlags) => start((cli) => recover(cli, flags)));
    addExamples(command, [['cairn recover', 'then `cairn ls latest` shows what was found']]);
    addExitCodes(command, [...vaultExits, 'readOnly']);
  },
};

async function recover(cli: CliContext, { dryRun }: RecoverFlags): Promise<void> {
  await using vault = await openCliVault(cli);
  const { roots, backup } = await cli.follow(vault.recover({ dryRun, signal: cli.signal }));
  if (cli.options.json) {
    await cli.out.json({ schema: 1, dryRun, roots, backup });
    return;
  }
  await cli.out.write(`found ${plural(roots.length, 'folder')} that no backup refers to\n`);
  if (backup !== null) await cli.out.write(`backup ${shortId(backup.id)} has ${roots.length === 1 ? 'it' : 'them'}\n`);
}
