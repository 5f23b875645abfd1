// Which backups to keep: restic's rules (`restic forget --keep-*`).
import { CairnArgumentError } from '../base/errors.ts';
import { type CalendarSpan, isZeroSpan, parseCalendarSpan } from './calendar-span.ts';

/** How many a rule keeps. */
export type KeepCount = number | 'unlimited';

export const countedRules = ['last', 'hourly', 'daily', 'weekly', 'monthly', 'yearly'] as const;
export type CountedRule = (typeof countedRules)[number];

export const spanRules = [
  'within',
  'withinHourly',
  'withinDaily',
  'withinWeekly',
  'withinMonthly',
  'withinYearly',
] as const;
export type SpanRule = (typeof spanRules)[number];

/**
 * What a caller asks for. A backup is kept when any rule keeps it.
 *
 * - `last`, `hourly` … `yearly`: the newest backup of each of the last n hours, days, … that have any;
 * - `within`: everything of the time before the newest backup, such as `1y5m7d2h`;
 * - `withinHourly` … `withinYearly`: one of each hour, day, … of that time;
 * - `tags`: everything that has all tags of one of these lists; `['']` means those without tags.
 */
export type KeepRules = { readonly [R in CountedRule]?: KeepCount | undefined } & {
  readonly [R in SpanRule]?: string | undefined;
} & { readonly tags?: readonly (readonly string[])[] | undefined };

/** Rules that were checked. Those that are absent keep nothing. */
export type KeepPolicy = { readonly [R in CountedRule]?: KeepCount } & {
  readonly [R in SpanRule]?: CalendarSpan;
} & { readonly tags: readonly (readonly string[])[] };

/** Throws `ARGUMENT_INVALID` for a count or span that makes no sense. Rules that keep nothing are left out. */
export function parseKeepRules(rules: KeepRules): KeepPolicy {
  const counts = countedRules.flatMap((rule): [CountedRule, KeepCount][] => {
    const count = rules[rule];
    if (count === undefined || count === 0) return [];
    if (count === 'unlimited' || (Number.isSafeInteger(count) && count > 0)) return [[rule, count]];
    throw new CairnArgumentError(`${rule}: ${String(count)} is no number of backups to keep`, {
      hint: 'Give a whole number, or `unlimited`.',
    });
  });
  const spans = spanRules.flatMap((rule): [SpanRule, CalendarSpan][] => {
    const text = rules[rule];
    if (text === undefined) return [];
    const span = parseCalendarSpan(text);
    return isZeroSpan(span) ? [] : [[rule, span]];
  });
  return { ...Object.fromEntries(counts), ...Object.fromEntries(spans), tags: rules.tags ?? [] };
}

/** Whether no rule keeps anything. */
export function isEmptyPolicy(policy: KeepPolicy): boolean {
  return policy.tags.length === 0 && [...countedRules, ...spanRules].every((rule) => policy[rule] === undefined);
}
