import { describe, expect, it } from 'vitest';
import { type ClockDoubt, clockDoubt, intervalReachMs, rotationReachMs } from './clock-doubt.ts';
import { parseInterval } from './interval.ts';
import type { RotationRules } from './rotation-policy.ts';
import { selectOlderThan } from './select-older-than.ts';
import { selectRotation } from './select-rotation.ts';

const DAY_MS = 86_400_000;
const rules: RotationRules = { days: 7, weeks: 4, months: 6 };

/** Every so many days, up to and with `last`. */
function backups(last: string, count: number, everyDays = 1): Date[] {
  return Array.from({ length: count }, (_, at) => new Date(Date.parse(last) - at * everyDays * DAY_MS));
}

/** What the rules would do to `own`, in a vault that has `others` as well. */
function doubt(
  own: readonly Date[],
  now: string,
  chosen = rules,
  others: readonly Date[] = [],
): ClockDoubt | undefined {
  const items = own.map((time) => ({ id: time.toISOString(), time }));
  const { kept, removed } = selectRotation(items, chosen, new Date(now));
  const reachMs = rotationReachMs(chosen);
  if (reachMs === undefined) return undefined;
  return clockDoubt({
    now: new Date(now),
    reachMs,
    known: [...own, ...others],
    kept: kept.map(({ item }) => item.time),
    removed: removed.map(({ time }) => time),
  });
}

/** What is left of daily backups that were rotated every day. */
function rotated(last: string, days: number): Date[] {
  let left: Date[] = [];
  for (const time of backups(last, days).reverse()) {
    const items = [...left, time].map((one) => ({ id: one.toISOString(), time: one }));
    left = selectRotation(items, rules, time).kept.map(({ item }) => item.time);
  }
  return left;
}

describe('a clock is doubtful', () => {
  it('that is years ahead of the newest backup', () => {
    expect(doubt(rotated('2026-11-25T03:00Z', 300), '2046-07-11T00:00Z')).toMatchObject({
      from: new Date('2026-11-25T03:00Z'),
      to: new Date('2046-07-11T00:00Z'),
    });
  });

  it('that is years ahead of all but the backup that was just made by it', () => {
    const own = [...rotated('2026-11-25T03:00Z', 300), new Date('2046-07-11T00:00Z')];
    const found = doubt(own, '2046-07-11T00:05Z');
    expect(found).toMatchObject({ to: new Date('2046-07-11T00:00Z'), removed: own.length - 1, older: own.length - 1 });
  });

  it('after some days of it, until somebody says that it is right', () => {
    const own = [...rotated('2026-11-25T03:00Z', 300), ...backups('2046-07-15T00:00Z', 4)];
    expect(doubt(own, '2046-07-15T00:05Z')).toBeDefined();
  });

  it('also for what is deleted by its age', () => {
    const now = new Date('2046-07-11T00:00Z');
    const times = backups('2026-11-25T03:00Z', 30);
    const interval = parseInterval('3M');
    const items = times.map((time) => ({ id: time.toISOString(), time }));
    const { kept, removed } = selectOlderThan(items, interval, { now, keepAtLeast: 1 });
    const evidence = { now, reachMs: intervalReachMs(interval, now), known: times };
    const planned = { kept: kept.map(({ item }) => item.time), removed: removed.map(({ time }) => time) };
    expect(clockDoubt({ ...evidence, ...planned })).toMatchObject({ removed: 29, older: 30 });
  });

  it('whatever is dated later than it, and held from long ago', () => {
    const own = rotated('2026-11-25T03:00Z', 300);
    const others = [new Date('2099-01-01T00:00Z'), new Date('2001-01-01T00:00Z')];
    expect(doubt(own, '2046-07-11T00:00Z', rules, others)).toBeDefined();
  });
});

describe('a clock may be right', () => {
  it.each([1, 10, 59])('after a pause of %d days, although the rules look back less', (days) => {
    const now = new Date(Date.parse('2026-11-25T03:00Z') + days * DAY_MS).toISOString();
    expect(doubt(backups('2026-11-25T03:00Z', 30), now, { days: 7 })).toBeUndefined();
  });

  it('where much goes because nobody rotated for years', () => {
    expect(doubt(backups('2026-11-25T03:00Z', 1000), '2026-11-25T12:00Z')).toBeUndefined();
  });

  it('where a name was given up, and others of the vault were not', () => {
    const others = backups('2026-11-25T03:00Z', 400, 3);
    expect(doubt(backups('2022-01-01T03:00Z', 30), '2026-11-25T12:00Z', rules, others)).toBeUndefined();
  });

  it('where there was a long pause, long ago', () => {
    const own = [...backups('2026-11-25T03:00Z', 300), ...backups('2020-01-01T00:00Z', 20)];
    expect(doubt(own, '2026-11-25T12:00Z', { days: 7 })).toBeUndefined();
  });

  it('where backups come seldom, and one goes at a time', () => {
    const own = backups('2026-11-25T03:00Z', 4, 120);
    expect(doubt(own, '2026-11-25T12:00Z', { days: 7, last: 3 })).toBeUndefined();
  });

  it('at every rotation of years that are rotated daily', () => {
    const doubts = backups('2026-11-25T03:00Z', 5).map((time) =>
      doubt(rotated(time.toISOString(), 400), new Date(time.getTime() + 60_000).toISOString()),
    );
    expect(doubts).toEqual([undefined, undefined, undefined, undefined, undefined]);
  });

  it('and does not matter to rules that count backups only', () => {
    expect(rotationReachMs({ last: 3 })).toBeUndefined();
  });
});
