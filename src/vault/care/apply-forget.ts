import type { ActionContext } from '../actions/backup-action.ts';
import type { ForgetPlan } from './plan-forget.ts';
import { removePlanned } from './remove-planned.ts';

export interface ForgetResult {
  readonly removed: readonly string[];
  /** Those that could not be removed. */
  readonly failed: readonly { readonly id: string; readonly message: string }[];
}

/** Removes what the plan says, under the exclusive lock. Throws `PLAN_OUTDATED`, and removes nothing then. */
export async function applyForget(context: ActionContext, plan: ForgetPlan): Promise<ForgetResult> {
  const { removed, failed } = await removePlanned(context, plan);
  return {
    removed: removed.map(({ id }) => id),
    failed: failed.map(({ backup, message }) => ({ id: backup.id, message })),
  };
}
