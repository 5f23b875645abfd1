// The stretches of time that rotation counts: a number for each, one more than that of the stretch before it, and its
// name for people. On the clock of one zone; hours and less are counted from the zone's offset of today, so that the
// hour that a clock goes through twice in autumn is two.
import { civilFromDays } from '../formats/civil-date.ts';
import { formatDate } from '../formats/go-time.ts';
import type { RotationUnit } from './rotation-policy.ts';
import { type Weekday, weekdays } from './weekday.ts';
import { zoneClock } from './zone-clock.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
/** 1970-01-01 was a Thursday. */
const EPOCH_WEEKDAY = weekdays.indexOf('thursday');

export interface RotationBuckets {
  /** The number of the stretch that a moment is in. */
  indexOf(unit: RotationUnit, ms: number): number;
  /** What a kept backup is told to be the first of: `day 2026-03-14`. */
  describe(unit: RotationUnit, ms: number): string;
}

export function rotationBuckets(zone: string, firstWeekday: Weekday, nowMs: number): RotationBuckets {
  const offsetAt = zoneClock(zone);
  const offsetNow = offsetAt(nowMs);
  const weekStart = weekdays.indexOf(firstWeekday) - EPOCH_WEEKDAY;
  const dayOf = (ms: number): number => Math.floor((ms + offsetAt(ms) * MINUTE_MS) / DAY_MS);
  const weekOf = (ms: number): number => Math.floor((dayOf(ms) - weekStart) / 7);
  const countOf = (ms: number, lengthMs: number): number => Math.floor((ms + offsetNow * MINUTE_MS) / lengthMs);
  const indexOf = (unit: RotationUnit, ms: number): number => {
    switch (unit) {
      case 'years':
        return civilFromDays(dayOf(ms)).year;
      case 'months': {
        const { year, month } = civilFromDays(dayOf(ms));
        return year * 12 + month;
      }
      case 'weeks':
        return weekOf(ms);
      case 'days':
        return dayOf(ms);
      case 'hours':
        return countOf(ms, 60 * MINUTE_MS);
      case 'minutes':
        return countOf(ms, MINUTE_MS);
      case 'seconds':
        return countOf(ms, 1000);
      default:
        return unit satisfies never;
    }
  };
  const describe = (unit: RotationUnit, ms: number): string => {
    const day = formatDate(dayOf(ms));
    const clock = (length: number): string =>
      `${unit.slice(0, -1)} ${new Date(ms + offsetNow * MINUTE_MS).toISOString().slice(0, length).replace('T', ' ')}`;
    switch (unit) {
      case 'years':
        return `year ${day.slice(0, 4)}`;
      case 'months':
        return `month ${day.slice(0, 7)}`;
      case 'weeks':
        return `week of ${formatDate(weekOf(ms) * 7 + weekStart)}`;
      case 'days':
        return `day ${day}`;
      case 'hours':
        return clock(13);
      case 'minutes':
        return clock(16);
      case 'seconds':
        return clock(19);
      default:
        return unit satisfies never;
    }
  };
  return { indexOf, describe };
}
