// The end that `forget`, `delete`, `rotate` and `delete-older-than` share: show the plan, ask, remove, say what happened.
import { CairnError } from '../base/errors.ts';
import { isId } from '../base/ids.ts';
import type { ForgetResult } from '../vault/care/apply-forget.ts';
import type { ForgetPlan } from '../vault/care/plan-forget.ts';
import type { PruneOptions } from '../vault/care/prune-vault.ts';
import type { Vault } from '../vault/vault.ts';
import type { CliContext } from './context.ts';
import { plural } from './output/format.ts';
import { describeForgetPlan } from './output/forget-report.ts';
import { assertPruned, runPrune } from './run-prune.ts';

export interface ApplyForgetOptions {
  readonly dryRun: boolean;
  readonly compact: boolean;
  /** Afterwards, remove the data that no backup needs any more. */
  readonly prune?: boolean;
  readonly pruneRules?: PruneOptions | undefined;
  /** Fields of the JSON document beside the groups of the plan. */
  readonly about?: object;
  /** Carries the plan out; `vault.forget` by default. */
  readonly remove?: () => Promise<ForgetResult>;
}

/** Throws `CONFIRMATION_NEEDED`, or `FORGET_PARTIAL` where some could not be removed. */
export async function applyForgetPlan(
  cli: CliContext,
  vault: Vault,
  plan: ForgetPlan,
  { dryRun, compact, prune = false, pruneRules = {}, about = {}, remove }: ApplyForgetOptions,
): Promise<void> {
  const count = plan.groups.reduce((sum, { forget }) => sum + forget.length, 0);
  const kept = plan.groups.reduce((sum, { keep }) => sum + keep.length, 0);
  if (!cli.options.json) await cli.out.write(describeForgetPlan(plan, { style: cli.style, compact }));
  const forget = remove ?? (() => cli.follow(vault.forget(plan, { signal: cli.signal })));
  const result = dryRun || count === 0 ? undefined : await confirmAndRemove(cli, vault, count, forget);
  // An empty plan needs no confirmation, yet it is carried out: removals that an earlier run left half done are ended.
  if (!dryRun && count === 0) await forget();
  if (!cli.options.json) await reportResult(cli, result, { count, kept, prune });
  const pruned = prune && !dryRun ? await runPrune(cli, vault, pruneRules) : undefined;
  if (cli.options.json) {
    const { removed = [], failed = [] } = result ?? {};
    const document = { schema: 1, dryRun, ...about, groups: plan.groups, removed, failed };
    await cli.out.json(pruned === undefined ? document : { ...document, prune: pruned });
  }
  if (result !== undefined && result.failed.length > 0) throw partial(cli, result);
  if (pruned !== undefined) assertPruned(cli, pruned);
}

async function reportResult(
  cli: CliContext,
  result: ForgetResult | undefined,
  { count, kept, prune }: { readonly count: number; readonly kept: number; readonly prune: boolean },
): Promise<void> {
  if (result !== undefined) {
    await cli.out.write(`\nremoved ${plural(result.removed.length, 'backup')}${kept > 0 ? `, kept ${kept}` : ''}\n`);
    // Archives and values share nothing, and so nothing of them is left.
    if (result.removed.some(isId) && !prune) cli.info('data of snapshots stays in the vault until `cairn prune`');
  } else {
    await cli.out.write(
      count === 0 ? `\nnothing to remove\n` : `\nwould remove ${plural(count, 'backup')}; nothing was changed\n`,
    );
  }
}

async function confirmAndRemove(
  cli: CliContext,
  vault: Vault,
  count: number,
  remove: () => Promise<ForgetResult>,
): Promise<ForgetResult> {
  const consequence = `${plural(count, 'backup')} would be removed from ${vault.url}`;
  await cli.confirm(`${consequence}. Go on?`, consequence);
  return remove();
}

function partial(cli: CliContext, { failed }: ForgetResult): CairnError {
  for (const { id, message } of failed) cli.warn(`backup ${isId(id) ? id.slice(0, 8) : id} stays: ${message}`);
  return new CairnError('FORGET_PARTIAL', `${plural(failed.length, 'backup')} could not be removed`, {
    hint: 'The reason is named above. Run the same command again; what is gone already is no error.',
    retry: 'later',
    facts: { backups: failed.map(({ id }) => id) },
  });
}
