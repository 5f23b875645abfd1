// restic's keep rules, exactly (`ApplyPolicy` of restic 0.17 and newer; 0.14 lacks the "oldest" rule): from the
// newest backup to the oldest, each is kept that any rule wants.
import type { GoTime } from '../formats/go-time.ts';
import { localOffsetMinutes } from '../formats/local-zone.ts';
import { formatCalendarSpan, type OffsetAt, subtractSpan } from './calendar-span.ts';
import { type CountedRule, countedRules, type KeepPolicy, type SpanRule } from './keep-policy.ts';
import { type Period, periodOf } from './period.ts';

/** What the rules look at. */
export interface RetainedSnapshot {
  readonly snapshot: { readonly time: GoTime; readonly tags: readonly string[] };
}

export interface KeptSnapshot<S> {
  readonly record: S;
  /** Why, in restic's words: `daily snapshot`, `within 7d`, … */
  readonly reasons: readonly string[];
}

export interface PolicyResult<S> {
  /** Newest first, as `forget`. */
  readonly keep: readonly KeptSnapshot<S>[];
  readonly forget: readonly S[];
}

export interface PolicyOptions {
  /** Backups that are dated later do not count as the newest one. Nanoseconds since the epoch. */
  readonly nowNs: bigint;
  /** The zone of this machine, which spans are counted in for times that were written in it. */
  readonly localOffset?: OffsetAt | undefined;
}

/** Divides the backups of one group. Equal times keep their order. */
export function applyPolicy<S extends RetainedSnapshot>(
  group: readonly S[],
  policy: KeepPolicy,
  { nowNs, localOffset = localOffsetMinutes }: PolicyOptions,
): PolicyResult<S> {
  const newestFirst = group.toSorted((a, b) => compare(b.snapshot.time.ns, a.snapshot.time.ns));
  const rules = makeRules(policy, latestOf(newestFirst, nowNs), localOffset);
  const keep: KeptSnapshot<S>[] = [];
  const forget: S[] = [];
  newestFirst.forEach((record, at) => {
    const isOldest = at === newestFirst.length - 1;
    const reasons = rules.flatMap((rule) => rule(record, at, isOldest) ?? []);
    if (reasons.length > 0) keep.push({ record, reasons });
    else forget.push(record);
  });
  return { keep, forget };
}

/** Why the rule keeps this one, if it does. It is asked once for each, from the newest to the oldest. */
type Rule = (record: RetainedSnapshot, at: number, isOldest: boolean) => string | undefined;

const periods: Readonly<Record<Exclude<CountedRule, 'last'>, Period>> = {
  hourly: 'hour',
  daily: 'day',
  weekly: 'week',
  monthly: 'month',
  yearly: 'year',
};

const periodsWithin: readonly (readonly [rule: SpanRule, name: keyof typeof periods])[] = [
  ['withinHourly', 'hourly'],
  ['withinDaily', 'daily'],
  ['withinWeekly', 'weekly'],
  ['withinMonthly', 'monthly'],
  ['withinYearly', 'yearly'],
];

function makeRules(policy: KeepPolicy, latest: GoTime, localOffset: OffsetAt): Rule[] {
  const tags = policy.tags.map(tagRule);
  const within = policy.within === undefined ? [] : [withinRule(policy.within, latest, localOffset)];
  const counted = countedRules.flatMap((name) => {
    const count = policy[name];
    if (count === undefined) return [];
    return [periodRule(`${name} snapshot`, keyOf(name), count === 'unlimited' ? Number.POSITIVE_INFINITY : count)];
  });
  const spans = periodsWithin.flatMap(([rule, name]) => {
    const span = policy[rule];
    if (span === undefined) return [];
    const after = subtractSpan(latest, span, localOffset);
    const label = `${name} within ${formatCalendarSpan(span)}`;
    const inPeriod = periodRule(label, keyOf(name), Number.POSITIVE_INFINITY);
    return [
      ((record, at, isOldest) =>
        record.snapshot.time.ns > after ? inPeriod(record, at, isOldest) : undefined) satisfies Rule,
    ];
  });
  return [...tags, ...within, ...counted, ...spans];
}

function tagRule(list: readonly string[]): Rule {
  return ({ snapshot }) => (hasTags(snapshot.tags, list) ? `has tags [${list.join(', ')}]` : undefined);
}

/** Whether all tags of `list` are there; an empty one in it stands for a backup without tags. */
function hasTags(tags: readonly string[], list: readonly string[]): boolean {
  for (const tag of list) {
    if (tag === '' && tags.length === 0) return true;
    if (!tags.includes(tag)) return false;
  }
  return true;
}

function withinRule(span: NonNullable<KeepPolicy['within']>, latest: GoTime, localOffset: OffsetAt): Rule {
  const after = subtractSpan(latest, span, localOffset);
  return ({ snapshot }) => (snapshot.time.ns > after ? `within ${formatCalendarSpan(span)}` : undefined);
}

type KeyOf = (record: RetainedSnapshot, at: number) => number;

function keyOf(rule: CountedRule): KeyOf {
  return rule === 'last' ? (_, at) => at : ({ snapshot }) => periodOf(periods[rule], snapshot.time);
}

/** Keeps the first of each period while `count` lasts; and the oldest of all, which makes the history longer. */
function periodRule(label: string, key: KeyOf, count: number): Rule {
  let last: number | undefined;
  let left = count;
  return (record, at, isOldest) => {
    if (left <= 0) return undefined;
    const period = key(record, at);
    const isNew = period !== last;
    if (!isNew && !isOldest) return undefined;
    last = period;
    left--;
    return isNew ? label : `oldest ${label}`;
  };
}

/** Go's zero time, which restic takes where every backup lies in the future. */
const YEAR_ONE: GoTime = { ns: -62_135_596_800_000_000_000n, offsetMinutes: 0 };

/** The time of the newest backup that is not dated in the future, by a clock that was wrong. */
function latestOf(newestFirst: readonly RetainedSnapshot[], nowNs: bigint): GoTime {
  return newestFirst.find(({ snapshot }) => snapshot.time.ns < nowNs)?.snapshot.time ?? YEAR_ONE;
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
