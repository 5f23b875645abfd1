import { intervalReachMs } from '../../retention/clock-doubt.ts';
import { before, parseInterval } from '../../retention/interval.ts';
import { selectOlderThan } from '../../retention/select-older-than.ts';
import type { ActionContext } from '../actions/backup-action.ts';
import type { LookContext } from '../look/look-inside.ts';
import { assertClockOf, type ByNameOptions, type NamedFilter, nowOf, planByName, readNamed } from './plan-by-name.ts';
import type { ForgetPlan } from './plan-forget.ts';
import { applyRetention, type RetentionResult } from './rotate-backups.ts';

export interface OlderThanOptions extends ByNameOptions {
  /** So many of the newest of each name stay, however old they are; 1 by default. With 0 it is `FORGET_REFUSED` that a name would lose all. */
  readonly keepAtLeast?: number | undefined;
}

/** What is older than an interval, and why the others stay. Newest first in each list. */
export interface OlderThanPlan extends ForgetPlan {
  readonly action: 'deleteOlderThan';
  readonly interval: string;
  /** What was made before this moment is older. */
  readonly olderThan: Date;
}

/** Throws `ARGUMENT_INVALID` for what is no interval, `REF_UNKNOWN`, `FORGET_REFUSED`, `CLOCK_DOUBTFUL`. */
export async function planDeleteOlderThan(
  context: LookContext,
  text: string,
  filter: NamedFilter,
  options: OlderThanOptions,
): Promise<OlderThanPlan> {
  const interval = parseInterval(text);
  const rule = { now: nowOf(options), keepAtLeast: options.keepAtLeast ?? 1 };
  selectOlderThan([], interval, rule);
  const { chosen, times } = await readNamed(context, filter);
  const groups = planByName(chosen, options, (items) => selectOlderThan(items, interval, rule));
  assertClockOf(groups, times, { now: rule.now, reachMs: intervalReachMs(interval, rule.now) }, options);
  return { action: 'deleteOlderThan', interval: text, olderThan: before(rule.now, interval), groups };
}

/** A plan to carry out, or what to plan at once. */
export type OlderThanCall =
  | [plan: OlderThanPlan, options?: { readonly signal?: AbortSignal | undefined }]
  | [interval: string, filter?: NamedFilter, options?: OlderThanOptions];

export async function deleteOlderThan(context: ActionContext, call: OlderThanCall): Promise<RetentionResult> {
  return applyRetention(context, await planOf(context, call), 'delete');
}

async function planOf(context: ActionContext, call: OlderThanCall): Promise<OlderThanPlan> {
  const [what, filter = {}, options = {}] = call;
  if (typeof what !== 'string') return what;
  // The first argument tells the two calls apart, but narrows only itself: behind an interval comes a filter.
  return planDeleteOlderThan(context, what, filter as NamedFilter, options);
}
