import type { CommandModule } from '../command-table.ts';
import type { CliContext } from '../context.ts';
import { parseDurationMs, parseSizeArgument } from '../global-options.ts';
import { addExamples, addExitCodes, vaultExits } from '../help.ts';
import { openCliVault } from '../open-cli-vault.ts';
import { addPruneRules, pruneRules, type PruneRuleFlags } from '../prune-flags.ts';
import { assertPruned, runPrune } from '../run-prune.ts';

interface PruneFlags extends PruneRuleFlags {
  readonly packSize?: number;
  readonly wait?: number;
  readonly allowEmpty: boolean;
  readonly dryRun: boolean;
}

export const pruneCommand: CommandModule = {
  configure(command, start) {
    addPruneRules(
      command.description(
        'Removes data that no backup needs, as `forget` and `delete` leave it. Backups may run meanwhile: the vault is locked\n' +
          'only for the last step, which waits until they end. A run that is stopped harms nothing, and the next one goes on.',
      ),
    )
      .option('--pack-size <size>', 'size of new packs, 4M to 128M (default: 16M)', parseSizeArgument)
      .option('--wait <duration>', 'wait so long for running backups to end (default: 10m)', parseDurationMs)
      .option('--allow-empty', 'go on where there is no backup at all, and everything is removed', false)
      .option('-n, --dry-run', 'show what would be done, and change nothing', false)
      .action((flags: PruneFlags) => start((cli) => prune(cli, flags)));
    addExamples(command, [
      ['cairn prune -n', 'what would go'],
      ['cairn prune --max-unused 10%', 'less work, and a vault that is a tenth larger than it has to be'],
      ['cairn prune --max-repack-size 0', 'remove whole packs only: no room needed, nothing read'],
    ]);
    addExitCodes(command, [...vaultExits, 'confirmation', 'damaged', 'partial', 'readOnly']);
  },
};

async function prune(cli: CliContext, flags: PruneFlags): Promise<void> {
  const { dryRun } = flags;
  const rules = pruneRules(flags);
  await using vault = await openCliVault(cli);
  if (flags.allowEmpty && !dryRun) {
    const consequence = `if there is no backup in ${vault.url}, everything in it would be removed`;
    await cli.confirm(`${consequence}. Go on?`, consequence);
  }
  const result = await runPrune(cli, vault, {
    ...rules,
    packSizeBytes: flags.packSize,
    waitMs: flags.wait,
    allowEmpty: flags.allowEmpty,
    dryRun,
  });
  if (cli.options.json) await cli.out.json({ schema: 1, dryRun, ...result });
  assertPruned(cli, result);
}
