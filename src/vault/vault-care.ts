import type { Job } from '../base/job.ts';
import type { KeepRules } from '../retention/keep-policy.ts';
import type { IndexRepairResult } from '../repository/repair/repair-index.ts';
import type { PackRepairResult } from '../repository/repair/repair-packs.ts';
import type { ForgetResult } from './care/apply-forget.ts';
import type { CareOptions } from './care/care-options.ts';
import type { DeleteOptions, ForgetOptions, ForgetPlan } from './care/plan-forget.ts';
import type { PruneOptions, PruneResult } from './care/prune-vault.ts';
import type { OlderThanCall, OlderThanOptions, OlderThanPlan } from './care/delete-older-than.ts';
import type { NamedFilter } from './care/plan-by-name.ts';
import type { RetentionResult, RotationCall, RotationOptions, RotationPlan } from './care/rotate-backups.ts';
import type { RotationRules } from '../retention/rotation-policy.ts';
import type { PrunePlan } from '../repository/prune/prune-plan.ts';
import type { RecoverResult } from './care/recover-backups.ts';
import { pastCache } from './care/past-cache.ts';
import type { RepairIndexOptions } from './care/repair-index-action.ts';
import type { RepairPacksOptions } from './care/repair-packs-action.ts';
import type { RepairSnapshotsOptions } from './care/repair-snapshots.ts';
import type { RewriteChange, RewriteOptions } from './care/rewrite-backups.ts';
import type { RewriteResult } from './care/rewrite-snapshots.ts';
import type { TagOptions, TagResult } from './care/tag-backups.ts';
import type { TagChange } from './care/tag-change.ts';
import type { ActionRunner } from './action-runner.ts';

import { VaultLook } from './vault-look.ts';

interface SignalOptions {
  readonly signal?: AbortSignal | undefined;
}

/** What keeps a vault healthy over the years: backups that go, data that goes with them, repairs. */
export abstract class VaultCare extends VaultLook {
  protected abstract readonly runner: ActionRunner;

  /**
   * What rules would forget: `vault.forget` does it. Rejects with `ARGUMENT_INVALID`, and with `FORGET_REFUSED` where a
   * group of backups would lose its last one.
   *
   * ```ts
   * const plan = await vault.planForget({ daily: 7, weekly: 4, within: '14d' }, { filter: { host: 'web' } });
   * await vault.forget(plan);
   * ```
   */
  async planForget(rules: KeepRules, options: ForgetOptions = {}): Promise<ForgetPlan> {
    return (await import('./care/plan-forget.ts')).planForget(this.look(options), rules, options);
  }

  /** The plan to remove the backups that are named, whatever any rule says. */
  async planDelete(references: readonly string[], options: DeleteOptions = {}): Promise<ForgetPlan> {
    return (await import('./care/plan-forget.ts')).planDelete(this.look(options), references, options);
  }

  /** Removes the backups that a plan forgets. Their data stays until a prune. Rejects with `PLAN_OUTDATED`, `VAULT_LOCKED`. */
  forget(plan: ForgetPlan, options: SignalOptions = {}): Job<ForgetResult> {
    return this.runner.action('forget', { ...options, plan }, async (context) =>
      (await import('./care/apply-forget.ts')).applyForget(context, plan),
    );
  }

  /** Removes one or more backups by reference. Rejects with `REF_UNKNOWN`, `REF_AMBIGUOUS` or `BACKUP_HELD`, and removes nothing then. */
  delete(references: string | readonly string[], options: DeleteOptions = {}): Job<ForgetResult> {
    const named = [references].flat();
    return this.runner.action('delete', { ...options, references: named }, async (context) => {
      const { planDelete } = await import('./care/plan-forget.ts');
      const plan = await planDelete(context, named, options);
      return (await import('./care/apply-forget.ts')).applyForget(context, plan);
    });
  }

  /**
   * What rotation would remove, by name: `vault.rotate` does it. Rejects with `RETENTION_EMPTY`, `REF_UNKNOWN`, `CLOCK_DOUBTFUL`.
   *
   * ```ts
   * const plan = await vault.planRotation({ name: 'main' }, { days: 7, weeks: 6, months: 6 });
   * await vault.rotate(plan);
   * ```
   */
  async planRotation(filter: NamedFilter, rules: RotationRules, options: RotationOptions = {}): Promise<RotationPlan> {
    return (await import('./care/rotate-backups.ts')).planRotation(this.look(options), filter, rules, options);
  }

  /**
   * Thins out the backups of each name, by a plan or at once: of each of the last n days, weeks, … the oldest stays, and
   * the newest always. Rejects with `PLAN_OUTDATED`, `VAULT_LOCKED`; what could not be removed is in `failed`.
   *
   * ```ts
   * await vault.rotate({ name: 'main' }, { days: 7, weeks: 6, months: 6, firstWeekday: 'saturday' });
   * ```
   */
  rotate(...call: RotationCall): Job<RetentionResult> {
    return this.runner.action('rotate', { ...signalOf(call), call }, async (context) =>
      (await import('./care/rotate-backups.ts')).rotateBackups(context, call),
    );
  }

  /** What `deleteOlderThan` would remove. Rejects with `ARGUMENT_INVALID`, `REF_UNKNOWN`, `FORGET_REFUSED`, `CLOCK_DOUBTFUL`. */
  async planDeleteOlderThan(
    interval: string,
    filter: NamedFilter = {},
    options: OlderThanOptions = {},
  ): Promise<OlderThanPlan> {
    return (await import('./care/delete-older-than.ts')).planDeleteOlderThan(
      this.look(options),
      interval,
      filter,
      options,
    );
  }

  /**
   * Removes the backups that are older than an interval such as `3M` or `1M3W4h2s`, by a plan or at once; the newest of
   * each name stays. Rejects with `PLAN_OUTDATED`, `VAULT_LOCKED`; what could not be removed is in `failed`.
   */
  deleteOlderThan(...call: OlderThanCall): Job<RetentionResult> {
    return this.runner.action('deleteOlderThan', { ...signalOf(call), call }, async (context) =>
      (await import('./care/delete-older-than.ts')).deleteOlderThan(context, call),
    );
  }

  /** What `prune` would remove and repack. Others may go on. */
  planPrune(options: PruneOptions = {}): Job<PrunePlan> {
    return this.runner.job(options, async (context) =>
      (await import('./care/prune-vault.ts')).planPruneOfVault(context, options),
    );
  }

  /**
   * Removes what no backup needs. Backups may run meanwhile; the vault is locked for the last step only, which waits until
   * they end. Rejects with `PRUNE_REFUSED`, `PLAN_OUTDATED`, `VAULT_LOCKED`; nothing was removed then.
   *
   * ```ts
   * const { plan, removedPacks } = await vault.prune({ maxUnused: { percent: 10 } });
   * ```
   */
  prune(options: PruneOptions = {}): Job<PruneResult> {
    return this.runner.action('prune', options, async (context) =>
      (await import('./care/prune-vault.ts')).pruneVault(context, options),
    );
  }

  /** Changes tags. Backups get new ids by it; `id` in the result. Rejects with `REWRITE_REFUSED`, `VAULT_LOCKED`. */
  tag(change: TagChange, options: TagOptions = {}): Job<TagResult> {
    return this.runner.action('tag', { ...options, change }, async (context) =>
      (await import('./care/tag-backups.ts')).tagBackups(context, change, options),
    );
  }

  /** Releases holds of the backups that are named: all, or that with a label. They get new ids by it, as with `tag`. */
  release(
    references: string | readonly string[],
    options: { readonly label?: string } & SignalOptions = {},
  ): Job<TagResult> {
    const release = options.label === undefined ? 'all' : [options.label];
    return this.tag({ release }, { references: [references].flat(), signal: options.signal });
  }

  /** Makes new versions of backups, without what patterns exclude or with another host or time. */
  rewrite(change: RewriteChange, options: RewriteOptions = {}): Job<RewriteResult> {
    return this.runner.care('rewrite', options, async (context) =>
      (await import('./care/rewrite-backups.ts')).rewriteBackups(context, change, options),
    );
  }

  /** Makes the index agree with the packs that are there. */
  repairIndex(options: RepairIndexOptions = {}): Job<IndexRepairResult> {
    return this.runner.care('repairIndex', options, async (context) => {
      const { repairIndex } = await import('./care/repair-index-action.ts');
      return await pastCache(context, (fresh) => repairIndex(fresh, options));
    });
  }

  /** Saves what is intact in damaged packs (ids, or findings of `check`), and removes them. */
  repairPacks(
    packs: readonly (string | { readonly object: string })[],
    options: RepairPacksOptions = {},
  ): Job<PackRepairResult> {
    return this.runner.care('repairPacks', options, async (context) => {
      const { repairPacks } = await import('./care/repair-packs-action.ts');
      return await pastCache(context, (fresh) => repairPacks(fresh, packs, options));
    });
  }

  /** Makes versions of damaged backups without what is missing. */
  repairSnapshots(options: RepairSnapshotsOptions = {}): Job<RewriteResult> {
    return this.runner.care('repairSnapshots', options, async (context) => {
      const { repairSnapshots } = await import('./care/repair-snapshots.ts');
      return await pastCache(context, (fresh) => repairSnapshots(fresh, options));
    });
  }

  /** Brings back, as one backup, all folders that no backup refers to. */
  recover(options: CareOptions<readonly string[]> = {}): Job<RecoverResult> {
    return this.runner.care('recover', options, async (context) =>
      (await import('./care/recover-backups.ts')).recoverBackups(context, options),
    );
  }
}

/** The signal in the options that a call ends with. */
function signalOf(call: readonly unknown[]): SignalOptions {
  const options = call.findLast((part): part is SignalOptions => typeof part === 'object' && part !== null);
  return { signal: options?.signal };
}
