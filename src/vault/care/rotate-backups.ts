import { rotationReachMs } from '../../retention/clock-doubt.ts';
import type { RotationRules } from '../../retention/rotation-policy.ts';
import { selectRotation } from '../../retention/select-rotation.ts';
import type { ActionContext } from '../actions/backup-action.ts';
import type { LookContext } from '../look/look-inside.ts';
import { assertClockOf, type ByNameOptions, type NamedFilter, nowOf, planByName, readNamed } from './plan-by-name.ts';
import type { ForgetGroup, ForgetPlan } from './plan-forget.ts';
import { type RemovedBackups, removePlanned } from './remove-planned.ts';

export interface RotationOptions extends ByNameOptions {
  /** The zone whose clock days, weeks, months and years are counted on, such as `Europe/Berlin`, or `local`; UTC by default. */
  readonly zone?: string | undefined;
}

/** What a rotation would remove, and which rule keeps each of the others. Newest first in each list. */
export interface RotationPlan extends ForgetPlan {
  readonly action: 'rotate';
  readonly now: Date;
  readonly zone: string;
  readonly rules: RotationRules;
}

/** What retention by name did. */
export interface RetentionResult extends RemovedBackups {
  /** `partial`: some could not be removed; they are in `failed`. */
  readonly status: 'complete' | 'partial';
  readonly kept: ForgetGroup['keep'];
}

/** Throws `RETENTION_EMPTY`, `ARGUMENT_INVALID`, `REF_UNKNOWN`, `CLOCK_DOUBTFUL`. */
export async function planRotation(
  context: LookContext,
  filter: NamedFilter,
  rules: RotationRules,
  options: RotationOptions,
): Promise<RotationPlan> {
  const { zone = 'UTC' } = options;
  const now = nowOf(options);
  // A policy that is none is an error before anything is read.
  selectRotation([], rules, now, zone);
  const { chosen, times } = await readNamed(context, filter);
  const groups = planByName(chosen, options, (items) => selectRotation(items, rules, now, zone));
  assertClockOf(groups, times, { now, reachMs: rotationReachMs(rules) }, options);
  return { action: 'rotate', now, zone, rules, groups };
}

/** A plan to carry out, or what to plan at once. */
export type RotationCall =
  | [plan: RotationPlan, options?: { readonly signal?: AbortSignal | undefined }]
  | [filter: NamedFilter, rules: RotationRules, options?: RotationOptions];

export async function rotateBackups(context: ActionContext, call: RotationCall): Promise<RetentionResult> {
  return applyRetention(context, await planOf(context, call), 'rotate');
}

async function planOf(context: ActionContext, call: RotationCall): Promise<RotationPlan> {
  const [what, rules, options = {}] = call;
  if (isPlan(what)) return what;
  // `isPlan` has told the two calls apart, which narrows only the first argument: behind a filter come rules.
  return planRotation(context, what, (rules ?? {}) as RotationRules, options);
}

function isPlan(what: RotationCall[0]): what is RotationPlan {
  return 'groups' in what;
}

/** Removes what the plan says. Throws `PLAN_OUTDATED`. */
export async function applyRetention(
  context: ActionContext,
  plan: ForgetPlan,
  phase: 'rotate' | 'delete',
): Promise<RetentionResult> {
  const { removed, failed } = await removePlanned(context, plan, phase);
  const kept = plan.groups.flatMap(({ keep }) => keep);
  return { status: failed.length === 0 ? 'complete' : 'partial', kept, removed, failed };
}
