import { CairnError } from '../../base/errors.ts';
import { parseGroupBy } from '../../retention/group-snapshots.ts';
import { applyForgetPlan } from '../apply-forget-plan.ts';
import type { CommandModule } from '../command-table.ts';
import type { CliContext } from '../context.ts';
import { addFilterOptions, type FilterFlags, filtersOf } from '../filter-options.ts';
import { addKeepOptions, hasKeepRules, type KeepFlags, keepRules } from '../forget-flags.ts';
import { addExamples, addExitCodes, vaultExits } from '../help.ts';
import { openCliVault } from '../open-cli-vault.ts';
import { addPruneRules, pruneRules, type PruneRuleFlags, refusePruneRules } from '../prune-flags.ts';

interface ForgetFlags extends FilterFlags, KeepFlags, PruneRuleFlags {
  readonly groupBy: string;
  readonly dryRun: boolean;
  readonly compact: boolean;
  readonly includeHeld: boolean;
  readonly prune: boolean;
}

export const forgetCommand: CommandModule = {
  configure(command, start) {
    command
      .description(
        "Removes backups that no rule keeps, with restic's rules: a backup stays when any of them wants it. The rules are\n" +
          'applied to each group of backups by itself; a policy that would leave a group empty is refused, and what is held\n' +
          'stays. Data that only removed backups had stays in the vault until `cairn prune`, or goes at once with --prune.',
      )
      .argument('[ref...]', 'remove these instead: ids or their beginnings, names, name@time');
    addKeepOptions(command);
    addFilterOptions(command)
      .option('-g, --group-by <fields>', "host, paths, tags; '' for one group of all", 'host,paths')
      .option('-n, --dry-run', 'show what would be removed, and change nothing', false)
      .option('--include-held', 'of backups that are named, remove also those that are held', false)
      .option('-c, --compact', 'show less of each backup', false)
      .option('--prune', 'afterwards, remove the data that no backup needs any more, as `cairn prune`', false);
    addPruneRules(command).action((references: readonly string[], flags: ForgetFlags) =>
      start((cli) => forget(cli, references, flags)),
    );
    addExamples(command, [
      ['cairn forget --keep-daily 7 --keep-weekly 5 --keep-monthly 12 -n', 'what would go'],
      ['cairn forget --keep-within 14d --keep-monthly unlimited --yes', 'without a question, for a schedule'],
      ['cairn forget --keep-daily 7 --prune --yes', 'and give the space back'],
      ['cairn forget --host web --keep-last 10', 'of one host only'],
      ['cairn forget 1a2b3c4d', 'one backup'],
    ]);
    addExitCodes(command, [
      ...vaultExits,
      'unknownRef',
      'ambiguousRef',
      'held',
      'confirmation',
      'partial',
      'damaged',
      'readOnly',
    ]);
  },
};

async function forget(cli: CliContext, references: readonly string[], flags: ForgetFlags): Promise<void> {
  if (references.length > 0 && hasKeepRules(flags)) {
    throw new CairnError('USAGE', 'backups that are named are removed, so rules have nothing to say about them', {
      hint: 'Give either backups or --keep-… rules.',
    });
  }
  if (!flags.prune) refusePruneRules(flags);
  const rules = pruneRules(flags);
  const groupBy = parseGroupBy(flags.groupBy);
  const filter = filtersOf(flags);
  await using vault = await openCliVault(cli);
  const plan =
    references.length > 0
      ? await vault.planDelete(references, { filter, includeHeld: flags.includeHeld, signal: cli.signal })
      : await vault.planForget(keepRules(flags), { filter, groupBy, signal: cli.signal });
  await applyForgetPlan(cli, vault, plan, { ...flags, pruneRules: rules });
}
