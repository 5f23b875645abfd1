// How long ago: bakthat's intervals, `1M3W4h2s`, and ISO 8601 durations, `P1M`.
//
//   bakthat   one or more <digits><unit>, back to back, in any order, repeats add up; units are lengths of time:
//             s second, m minute, h hour, D day, W 7 days, M 30 days, Y 365 days. `M` and `m` differ.
//   ISO 8601  P[nY][nM][nW][nD][T[nH][nM][nS]], in this order; years and months are those of the calendar.
//
// bakthat took an empty interval for zero, and deleted everything. Here it is an error, as everything else is that
// does not say a length.
import { CairnArgumentError } from '../base/errors.ts';
import { civilFromDays, daysFromCivil } from '../formats/civil-date.ts';

export interface Interval {
  /** As it was written. */
  readonly text: string;
  /** Months of the calendar; 0 in bakthat's grammar. */
  readonly months: number;
  readonly seconds: number;
}

const MINUTE = 60;
const HOUR = 3600;
const DAY = 86_400;

/** More makes no sense, and far more would leave the range of dates. */
const MAX_SECONDS = 10_000 * 365 * DAY;
const MAX_MONTHS = 10_000 * 12;

const secondsOfUnit: Readonly<Record<string, number>> = {
  s: 1,
  m: MINUTE,
  h: HOUR,
  D: DAY,
  W: 7 * DAY,
  M: 30 * DAY,
  Y: 365 * DAY,
};

/** Throws `ARGUMENT_INVALID` with the facts `input` and `offset`, the place of what is wrong. */
export function parseInterval(text: string): Interval {
  if (typeof text !== 'string') throw refused(String(text), 0, 'it is not text');
  if (text === '') throw refused(text, 0, 'it is empty');
  const { months, seconds } = text.startsWith('P') ? parseDuration(text) : parseUnits(text);
  if (months > MAX_MONTHS || seconds > MAX_SECONDS) throw refused(text, 0, 'it is longer than 10,000 years');
  return { text, months, seconds };
}

/** The moment `interval` before `time`. In the calendar, a day that a month has not is its last one: 31 March less a month is 28 or 29 February. */
export function before(time: Date, interval: Interval): Date {
  return new Date(shiftMonths(time.getTime(), -interval.months) - interval.seconds * 1000);
}

/** The moment `interval` after `time`. */
export function after(time: Date, interval: Interval): Date {
  return new Date(shiftMonths(time.getTime(), interval.months) + interval.seconds * 1000);
}

interface Length {
  readonly months: number;
  readonly seconds: number;
}

function parseUnits(text: string): Length {
  let seconds = 0;
  for (let offset = 0; offset < text.length;) {
    const { count, next } = readCount(text, offset);
    const unit = secondsOfUnit[text.charAt(next)];
    if (unit === undefined) throw refusedUnit(text, next);
    seconds += count * unit;
    offset = next + 1;
  }
  return { months: 0, seconds };
}

const dateUnits: readonly (readonly [letter: string, Length])[] = [
  ['Y', { months: 12, seconds: 0 }],
  ['M', { months: 1, seconds: 0 }],
  ['W', { months: 0, seconds: 7 * DAY }],
  ['D', { months: 0, seconds: DAY }],
];
const timeUnits: readonly (readonly [letter: string, Length])[] = [
  ['H', { months: 0, seconds: HOUR }],
  ['M', { months: 0, seconds: MINUTE }],
  ['S', { months: 0, seconds: 1 }],
];

function parseDuration(text: string): Length {
  let [months, seconds] = [0, 0];
  let units = dateUnits;
  let place = 0;
  let offset = 1;
  while (offset < text.length || place === 0) {
    if (text.charAt(offset) === 'T' && units === dateUnits) {
      [units, place] = [timeUnits, 0];
      offset++;
      continue;
    }
    const { count, next } = readCount(text, offset);
    const at = units.findIndex(([letter], index) => index >= place && letter === text.charAt(next));
    const unit = units[at]?.[1];
    if (unit === undefined) throw refusedUnit(text, next);
    months += count * unit.months;
    seconds += count * unit.seconds;
    place = at + 1;
    offset = next + 1;
  }
  return { months, seconds };
}

/** A whole number above zero: an interval of nothing would mean everything. */
function readCount(text: string, offset: number): { readonly count: number; readonly next: number } {
  const digits = /^\d+/.exec(text.slice(offset))?.[0];
  if (digits === undefined) throw refused(text, offset, offset < text.length ? 'a number is missing' : 'it ends early');
  const count = Number(digits);
  if (count === 0) throw refused(text, offset, 'a count of zero says nothing');
  return { count, next: offset + digits.length };
}

function refusedUnit(text: string, offset: number): CairnArgumentError {
  const unit = text.charAt(offset);
  return refused(text, offset, unit === '' ? 'the unit is missing' : `${JSON.stringify(unit)} is no unit there`);
}

function refused(input: string, offset: number, problem: string): CairnArgumentError {
  const shown = JSON.stringify(input.length > 60 ? `${input.slice(0, 60)}…` : input);
  return new CairnArgumentError(`not an interval: ${shown}, at character ${offset + 1}: ${problem}`, {
    hint: 'Write counts and units such as 3M, 2W or 1M3W4h2s (s, m minutes, h, D, W, M of 30 days, Y of 365), or ISO 8601 such as P1M.',
    facts: { input, offset },
  });
}

function shiftMonths(ms: number, months: number): number {
  if (months === 0) return ms;
  const days = Math.floor(ms / (DAY * 1000));
  const { year, month, day } = civilFromDays(days);
  const first = firstOf(year * 12 + month - 1 + months);
  const length = firstOf(year * 12 + month + months) - first;
  const moved = first + Math.min(day, length) - 1;
  return ms + (moved - days) * DAY * 1000;
}

/** The day number of the first day of a month, counted from year 0. */
function firstOf(months: number): number {
  return daysFromCivil({ year: Math.floor(months / 12), month: (((months % 12) + 12) % 12) + 1, day: 1 });
}
