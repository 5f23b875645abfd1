// The periods that rules count: a number for each, equal for moments of the same one. Computed on the clock
// that the backup itself was made with, as restic does it: the offset in its time.
import { civilFromDays, daysFromCivil } from '../formats/civil-date.ts';
import { type GoTime, secondsOf } from '../formats/go-time.ts';

export type Period = 'hour' | 'day' | 'week' | 'month' | 'year';

const SECONDS_PER_DAY = 86_400;

export function periodOf(period: Period, time: GoTime): number {
  const wall = secondsOf(time.ns) + time.offsetMinutes * 60;
  const days = Math.floor(wall / SECONDS_PER_DAY);
  switch (period) {
    case 'hour':
      return Math.floor(wall / 3600);
    case 'day':
      return days;
    case 'week':
      return isoWeek(days);
    case 'month': {
      const { year, month } = civilFromDays(days);
      return year * 12 + month;
    }
    case 'year':
      return civilFromDays(days).year;
    default:
      return period satisfies never;
  }
}

/** The ISO 8601 week of a day: weeks start on Monday and belong to the year that has their Thursday. */
function isoWeek(days: number): number {
  // 1970-01-01 was a Thursday.
  const thursday = days - mod(days + 3, 7) + 3;
  const { year } = civilFromDays(thursday);
  const week = Math.floor((thursday - daysFromCivil({ year, month: 1, day: 1 })) / 7) + 1;
  return year * 100 + week;
}

function mod(value: number, by: number): number {
  return ((value % by) + by) % by;
}
