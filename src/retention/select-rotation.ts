// Rotation as bakthat means it, with its traps closed: weeks are counted from the same day as the window that they are
// looked at in (bakthat's own always began on Saturday), and the newest backup stays whatever the rules say (bakthat's
// "the oldest of each day" removed the second backup of a day right after it was made).
import { CairnArgumentError } from '../base/errors.ts';
import { rotationBuckets } from './rotation-bucket.ts';
import { parseRotationRules, type RotationRules } from './rotation-policy.ts';

/** What the rules look at. */
export interface RotationItem {
  /** Tells apart what was made at the same time. */
  readonly id: string;
  readonly time: Date;
  /** Something is missing in it: it never takes the place of a whole one. */
  readonly isPartial?: boolean;
}

export interface KeptItem<T> {
  readonly item: T;
  /** Why: `newest`, `one of the newest 3`, `first of week of 2026-03-14`, `in the future`. */
  readonly reasons: readonly string[];
}

export interface Selected<T> {
  /** Newest first, as `removed`. */
  readonly kept: readonly KeptItem<T>[];
  readonly removed: readonly T[];
}

/**
 * Divides backups of one name. For each unit with a count n, the window is the current unit and the n - 1 before it, and
 * of each unit in it the oldest backup stays, a whole one if there is any. What is dated after `now` stays, and so do the
 * newest of the others and the newest whole one.
 * The order of `items` does not matter. Throws `ARGUMENT_INVALID` and `RETENTION_EMPTY`.
 */
export function selectRotation<T extends RotationItem>(
  items: readonly T[],
  rules: RotationRules,
  now: Date,
  zone = 'UTC',
): Selected<T> {
  const policy = parseRotationRules(rules);
  if (Number.isNaN(now.getTime())) throw new CairnArgumentError('`now` is not a valid date');
  const newestFirst = items.toSorted(compareNewestFirst);
  const past = newestFirst.filter(({ time }) => time.getTime() <= now.getTime());
  const reasons = new Map<T, string[]>();
  const keep = (item: T, reason: string): void => {
    reasons.set(item, [...(reasons.get(item) ?? []), reason]);
  };
  for (const item of newestFirst) if (item.time.getTime() > now.getTime()) keep(item, 'in the future');
  for (const [item, reason] of newest(past, policy.last)) keep(item, reason);
  const buckets = rotationBuckets(zone, policy.firstWeekday, now.getTime());
  for (const [unit, count] of policy.units) {
    const first = buckets.indexOf(unit, now.getTime()) - (count - 1);
    const indexOf = (item: T): number => buckets.indexOf(unit, item.time.getTime());
    for (const item of oldestOfEach(past, indexOf, first)) {
      keep(item, `first of ${buckets.describe(unit, item.time.getTime())}`);
    }
  }
  return divide(newestFirst, reasons);
}

export function divide<T>(items: readonly T[], reasons: ReadonlyMap<T, readonly string[]>): Selected<T> {
  return {
    kept: items.flatMap((item) => {
      const why = reasons.get(item);
      return why === undefined ? [] : [{ item, reasons: why }];
    }),
    removed: items.filter((item) => !reasons.has(item)),
  };
}

/** The newest `count`, at least one, and as many of the whole ones: what lacks something never stands alone. */
export function* newest<T extends RotationItem>(
  newestFirst: readonly T[],
  count: number,
): Generator<readonly [T, string], void, undefined> {
  const last = Math.max(1, count);
  const found = newestFirst.slice(0, last);
  const whole = newestFirst.filter(({ isPartial }) => isPartial !== true).slice(0, last);
  for (const [at, item] of found.entries()) yield [item, at === 0 ? 'newest' : `one of the newest ${last}`];
  for (const [at, item] of whole.entries()) {
    if (!found.includes(item)) yield [item, at === 0 ? 'newest whole one' : `one of the newest ${last} whole ones`];
  }
}

function oldestOfEach<T extends RotationItem>(
  newestFirst: readonly T[],
  indexOf: (item: T) => number,
  firstIndex: number,
): Iterable<T> {
  const found = new Map<number, T>();
  for (const item of newestFirst) {
    const index = indexOf(item);
    if (index < firstIndex) continue;
    const younger = found.get(index);
    const isWorse = item.isPartial === true && younger !== undefined && younger.isPartial !== true;
    if (!isWorse) found.set(index, item);
  }
  return found.values();
}

export function compareNewestFirst(a: RotationItem, b: RotationItem): number {
  const later = b.time.getTime() - a.time.getTime();
  if (later !== 0) return later;
  return a.id < b.id ? 1 : a.id > b.id ? -1 : 0;
}
