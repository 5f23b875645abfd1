import { CairnError } from '../../base/errors.ts';
import type { CliContext } from '../context.ts';
import { type FilterFlags, filtersOf } from '../filter-options.ts';
import { openCliVault } from '../open-cli-vault.ts';
import { plural } from '../output/format.ts';
import { confirmReplacing, printRewrite } from '../rewrite-result.ts';

export interface RepairBackupsFlags extends FilterFlags {
  readonly forget: boolean;
  readonly dryRun: boolean;
}

export async function repairBackups(
  cli: CliContext,
  references: readonly string[],
  flags: RepairBackupsFlags,
): Promise<void> {
  const { forget, dryRun } = flags;
  await using vault = await openCliVault(cli);
  const result = await cli.follow(
    vault.repairSnapshots({
      references,
      filter: filtersOf(flags),
      forget,
      dryRun,
      onPlan: (plan) => confirmReplacing(cli, plan, forget),
      signal: cli.signal,
    }),
  );
  await printRewrite(cli, result, dryRun);
  if (result.changes.length === 0) {
    cli.info(
      'where `cairn check` finds damage all the same, repair the index and the packs first: this believes the index',
    );
  }
  const left = result.changes.filter(({ outcome }) => outcome !== 'rewritten');
  if (left.length === 0) return;
  throw new CairnError('REPAIR_PARTIAL', `${plural(left.length, 'backup')} could not be repaired`, {
    hint: 'The reason is named with each. Where nothing can be read, `cairn delete` removes the backup.',
  });
}
