import { applyForgetPlan } from '../apply-forget-plan.ts';
import type { CommandModule } from '../command-table.ts';
import type { CliContext } from '../context.ts';
import { addSingleFilterOptions, singleFilter, type SingleFilterFlags } from '../filter-options.ts';
import { addExamples, addExitCodes, vaultExits } from '../help.ts';
import { openCliVault } from '../open-cli-vault.ts';

interface DeleteFlags extends SingleFilterFlags {
  readonly includeHeld: boolean;
  readonly dryRun: boolean;
}

export const deleteCommand: CommandModule = {
  configure(command, start) {
    command
      .description(
        'Removes the backups that are named. Data that only these snapshots had stays in the vault until a prune; archives\n' +
          'and values are gone at once.',
      )
      .argument('<ref...>', 'ids or their beginnings, `latest`, names, name@time');
    addSingleFilterOptions(command)
      .option('--include-held', 'remove also what is held', false)
      .option('-n, --dry-run', 'show what would be removed, and change nothing', false)
      .action((references: readonly string[], flags: DeleteFlags) => start((cli) => remove(cli, references, flags)));
    addExamples(command, [
      ['cairn delete 1a2b3c4d', 'one backup, after a question'],
      ['cairn delete documents@2026-11-19 latest --yes', 'two, without one'],
    ]);
    addExitCodes(command, [...vaultExits, 'unknownRef', 'ambiguousRef', 'held', 'confirmation', 'partial', 'readOnly']);
  },
};

async function remove(cli: CliContext, references: readonly string[], flags: DeleteFlags): Promise<void> {
  await using vault = await openCliVault(cli);
  const { includeHeld } = flags;
  const plan = await vault.planDelete(references, { filter: singleFilter(flags), includeHeld, signal: cli.signal });
  await applyForgetPlan(cli, vault, plan, { dryRun: flags.dryRun, compact: false });
}
