import { parseInterval } from '../../retention/interval.ts';
import { applyForgetPlan } from '../apply-forget-plan.ts';
import type { CommandModule } from '../command-table.ts';
import type { CliContext } from '../context.ts';
import { filtersOf } from '../filter-options.ts';
import { addExamples, addExitCodes, vaultExits } from '../help.ts';
import { openCliVault } from '../open-cli-vault.ts';
import {
  addByNameOptions,
  type ByNameFlags,
  byNameOptions,
  forgetResult,
  parseWholeNumber,
} from '../rotation-flags.ts';

interface OlderThanFlags extends ByNameFlags {
  readonly keepAtLeast: number;
}

export const deleteOlderThanCommand: CommandModule = {
  configure(command, start) {
    command
      .description(
        'Removes the backups that are older than an interval, such as 3M or 1M3W4h2s: counts with s, m (minutes), h, D, W,\n' +
          'M (30 days) or Y (365 days), which add up; or ISO 8601, such as P1M, with months of the calendar. The newest backup\n' +
          'of each name stays, and what is held.',
      )
      .argument('<interval>', 'how old a backup may be')
      .option('--keep-at-least <n>', 'so many of the newest of each name stay, however old', parseWholeNumber, 1);
    addByNameOptions(command).action((interval: string, flags: OlderThanFlags) =>
      start((cli) => deleteOlderThan(cli, interval, flags)),
    );
    addExamples(command, [
      ['cairn delete-older-than 3M -n', 'what would go'],
      ['cairn delete-older-than 1Y --name main --keep-at-least 5 --yes', 'of one name, for a schedule'],
    ]);
    addExitCodes(command, [...vaultExits, 'unknownRef', 'confirmation', 'partial', 'damaged', 'readOnly']);
  },
};

async function deleteOlderThan(cli: CliContext, interval: string, flags: OlderThanFlags): Promise<void> {
  // What is wrong with the interval is said before a password is asked.
  parseInterval(interval);
  const { keepAtLeast } = flags;
  const options = { ...byNameOptions(flags), keepAtLeast, signal: cli.signal };
  const filter = filtersOf(flags);
  await using vault = await openCliVault(cli);
  const plan = await vault.planDeleteOlderThan(interval, filter, options);
  await applyForgetPlan(cli, vault, plan, {
    ...flags,
    about: { interval, olderThan: plan.olderThan },
    remove: async () => forgetResult(await cli.follow(vault.deleteOlderThan(plan, { signal: cli.signal }))),
  });
}
