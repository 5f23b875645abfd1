// Spans of the calendar as restic writes them in `--keep-within`: `1y5m7d2h`. They are taken off a moment as Go's
// `AddDate` does it: field by field on the clock of a zone, then normalised (31 March less a month is 3 March,
// or 2 March in a leap year), and the hours last, as time that passes.
import { CairnArgumentError } from '../base/errors.ts';
import { civilFromDays, daysFromCivil } from '../formats/civil-date.ts';
import { type GoTime, secondsOf } from '../formats/go-time.ts';

export interface CalendarSpan {
  readonly years: number;
  readonly months: number;
  readonly days: number;
  readonly hours: number;
}

/** Minutes east of UTC that a zone has at `seconds` since the epoch. */
export type OffsetAt = (seconds: number) => number;

const SECONDS_PER_DAY = 86_400;
const NS_PER_SECOND = 1_000_000_000n;
/** More of any unit makes no sense, and much more would leave the range of exact numbers. */
const MAX_COUNT = 1_000_000;

const units = new Map<string, keyof CalendarSpan>([
  ['y', 'years'],
  ['m', 'months'],
  ['d', 'days'],
  ['h', 'hours'],
]);

/** Parses `1y5m7d2h`, in any order; of a unit that comes twice the last one counts, as in restic. Throws `ARGUMENT_INVALID`. */
export function parseCalendarSpan(text: string): CalendarSpan {
  const span = { years: 0, months: 0, days: 0, hours: 0 };
  let rest = text.trim();
  if (rest === '') throw notASpan(text);
  while (rest !== '') {
    const match = /^(\d{1,7})([ymdh])/.exec(rest);
    const [whole, count, letter = ''] = match ?? [];
    const unit = units.get(letter);
    if (whole === undefined || unit === undefined || Number(count) > MAX_COUNT) throw notASpan(text);
    span[unit] = Number(count);
    rest = rest.slice(whole.length);
  }
  return span;
}

/** `1y5m7d2h`, without what is zero. */
export function formatCalendarSpan({ years, months, days, hours }: CalendarSpan): string {
  const parts = [
    [years, 'y'],
    [months, 'm'],
    [days, 'd'],
    [hours, 'h'],
  ] as const;
  return parts.map(([count, unit]) => (count === 0 ? '' : `${count}${unit}`)).join('');
}

export function isZeroSpan({ years, months, days, hours }: CalendarSpan): boolean {
  return years === 0 && months === 0 && days === 0 && hours === 0;
}

/**
 * The moment `span` before `time`, in nanoseconds. As in Go, a time whose offset is that of the local zone at
 * that instant belongs to the local zone, so that going back over a change of its clock keeps the time of day; any
 * other stays at its own offset. UTC is never the local zone.
 */
export function subtractSpan(time: GoTime, span: CalendarSpan, localOffset: OffsetAt): bigint {
  const seconds = secondsOf(time.ns);
  const isLocal = time.offsetMinutes !== 0 && localOffset(seconds) === time.offsetMinutes;
  const offsetAt: OffsetAt = isLocal ? localOffset : () => time.offsetMinutes;
  const wall = seconds + time.offsetMinutes * 60;
  const days = Math.floor(wall / SECONDS_PER_DAY);
  const moved = daysBefore(days, span) * SECONDS_PER_DAY + (wall - days * SECONDS_PER_DAY);
  const fraction = time.ns - BigInt(seconds) * NS_PER_SECOND;
  return BigInt(instantOf(moved, offsetAt) - span.hours * 3600) * NS_PER_SECOND + fraction;
}

function daysBefore(days: number, span: CalendarSpan): number {
  const { year, month, day } = civilFromDays(days);
  const months = year * 12 + (month - 1) - span.years * 12 - span.months;
  const first = daysFromCivil({ year: Math.floor(months / 12), month: (((months % 12) + 12) % 12) + 1, day: 1 });
  // A day that the month has not runs on into the next month.
  return first + (day - 1) - span.days;
}

/** The instant at which the clock of a zone shows `wall` seconds; where it never does, or does twice, Go's choice. */
function instantOf(wall: number, offsetAt: OffsetAt): number {
  const guess = offsetAt(wall);
  if (guess === 0) return wall;
  return wall - offsetAt(wall - guess * 60) * 60;
}

function notASpan(text: string): CairnArgumentError {
  return new CairnArgumentError(`not a span of time: ${JSON.stringify(text)}`, {
    hint: 'Write years, months, days and hours such as 1y5m7d2h, 14d or 6m.',
  });
}
