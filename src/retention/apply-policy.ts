// restic's keep rules, exactly (`ApplyPolicy` of restic 0.17 and newer; 0.14 lacks the "oldest" rule): from the
// newest backup to the oldest, each is kept that any rule wants.
//
// One thing is ours: backups that are marked as not whole take no whole one's place. The whole ones are kept as if the
// others were not there; those fill the periods that have no whole one.
import type { GoTime } from '../formats/go-time.ts';
import { localOffsetMinutes } from '../formats/local-zone.ts';
import { isPartial } from '../formats/snapshot/partial-tag.ts';
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
  options: PolicyOptions,
): PolicyResult<S> {
  const newestFirst = group.toSorted((a, b) => compare(b.snapshot.time.ns, a.snapshot.time.ns));
  const whole = newestFirst.filter(({ snapshot }) => !isPartial(snapshot.tags));
  const [newestWhole] = whole;
  const reasons = reasonsToKeep(whole, policy, options, []);
  if (whole.length < newestFirst.length) {
    const ofAll = [...reasonsToKeep(newestFirst, policy, options, whole)];
    const ofOthers = ofAll.filter(([{ snapshot }]) => isPartial(snapshot.tags));
    for (const [record, why] of ofOthers) reasons.set(record, why);
    const isOverlooked = newestWhole !== undefined && ofOthers.length > 0 && !reasons.has(newestWhole);
    if (isOverlooked) reasons.set(newestWhole, ['newest whole snapshot']);
  }
  return {
    keep: newestFirst.flatMap((record) => {
      const why = reasons.get(record);
      return why === undefined ? [] : [{ record, reasons: why }];
    }),
    forget: newestFirst.filter((record) => !reasons.has(record)),
  };
}

/** restic's rules. Periods that one of `whole` is in are taken, and keep nothing but the newest of all. */
function reasonsToKeep<S extends RetainedSnapshot>(
  newestFirst: readonly S[],
  policy: KeepPolicy,
  { nowNs, localOffset = localOffsetMinutes }: PolicyOptions,
  whole: readonly S[],
): Map<S, readonly string[]> {
  const rules = makeRules(policy, latestOf(newestFirst, nowNs), localOffset, whole);
  const kept = new Map<S, readonly string[]>();
  newestFirst.forEach((record, at) => {
    const isOldest = at === newestFirst.length - 1;
    const reasons = rules.flatMap((rule) => rule(record, at, isOldest) ?? []);
    if (reasons.length > 0) kept.set(record, reasons);
  });
  return kept;
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

function makeRules(
  policy: KeepPolicy,
  latest: GoTime,
  localOffset: OffsetAt,
  whole: readonly RetainedSnapshot[],
): Rule[] {
  const tags = policy.tags.map(tagRule);
  const within = policy.within === undefined ? [] : [withinRule(policy.within, latest, localOffset)];
  const counted = countedRules.flatMap((name) => {
    const count = policy[name];
    if (count === undefined) return [];
    return [periodRule(`${name} snapshot`, name, count === 'unlimited' ? Number.POSITIVE_INFINITY : count, whole)];
  });
  const spans = periodsWithin.flatMap(([rule, name]) => {
    const span = policy[rule];
    if (span === undefined) return [];
    const after = subtractSpan(latest, span, localOffset);
    const label = `${name} within ${formatCalendarSpan(span)}`;
    const inPeriod = periodRule(label, name, Number.POSITIVE_INFINITY, whole);
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
function periodRule(label: string, rule: CountedRule, count: number, whole: readonly RetainedSnapshot[]): Rule {
  const key = keyOf(rule);
  const taken = new Set(rule === 'last' ? [] : whole.map((record) => key(record, 0)));
  let last: number | undefined;
  let left = count;
  return (record, at, isOldest) => {
    if (left <= 0) return undefined;
    const period = key(record, at);
    const isNew = period !== last;
    if (!isNew && !isOldest) return undefined;
    last = period;
    left--;
    if (at > 0 && taken.has(period)) return undefined;
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
