// What `prune` and `forget --prune` share: show the plan, do it, say what happened.
import { CairnError } from '../base/errors.ts';
import { shortId } from '../base/ids.ts';
import type { PruneOptions, PruneResult } from '../vault/care/prune-vault.ts';
import type { Vault } from '../vault/vault.ts';
import type { CliContext } from './context.ts';
import { plural } from './output/format.ts';
import { describePrunePlan, describePruneResult } from './output/prune-report.ts';

/** Prunes; prints plan and result as text, unless the caller prints JSON. */
export async function runPrune(
  cli: CliContext,
  vault: Vault,
  options: Omit<PruneOptions, 'signal' | 'onPlan'>,
): Promise<PruneResult> {
  const { json, quiet, verbose } = cli.options;
  const result = await cli.follow(
    vault.prune({
      ...options,
      signal: cli.signal,
      onPlan: async (plan) => {
        if (!json && !quiet) await cli.out.write(describePrunePlan(plan, { verbose: verbose > 0 }));
      },
    }),
  );
  if (json) return result;
  if (result.status === 'planned' || result.status === 'nothing') {
    await cli.out.write(describePrunePlan(result.plan, { verbose: verbose > 0 }));
  }
  await cli.out.write(describePruneResult(result));
  return result;
}

/** Throws `PRUNE_PARTIAL` where not everything was done. */
export function assertPruned(cli: CliContext, result: PruneResult): void {
  if (result.status === 'partial') throw partial(cli, result);
}

function partial(cli: CliContext, { damagedPacks, failedPacks, failure }: PruneResult): CairnError {
  for (const id of damagedPacks) {
    cli.warn(`pack ${shortId(id)} is damaged and stays: a backup needs something in it that cannot be read`);
  }
  if (failedPacks > 0) cli.warn(`${plural(failedPacks, 'pack')} could not be removed: ${failure ?? ''}`);
  const parts = [
    ...(damagedPacks.length > 0 ? [`${plural(damagedPacks.length, 'damaged pack')} stay`] : []),
    ...(failedPacks > 0 ? [`${plural(failedPacks, 'pack')} could not be removed`] : []),
  ];
  return new CairnError('PRUNE_PARTIAL', `not everything was done: ${parts.join(', ')}`, {
    hint:
      damagedPacks.length > 0
        ? 'Save what is good in damaged packs: cairn check --read-data --json | cairn repair packs --findings -'
        : 'No backup misses them. The next prune removes them.',
    retry: damagedPacks.length > 0 ? 'never' : 'later',
    facts: { packs: damagedPacks, failedPacks },
  });
}
