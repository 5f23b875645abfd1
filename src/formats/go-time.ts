// Instants as Go writes them in JSON: `YYYY-MM-DDTHH:MM:SS[.fffffffff]±hh:mm`, fraction without
// trailing zeros, `Z` for offset 0 (restic's format; RFC 3339). Compare `ns`, never the text.
import { CairnError } from '../base/errors.ts';
import { civilFromDays, daysFromCivil } from './civil-date.ts';
import { localOffsetMinutes } from './local-zone.ts';

export interface GoTime {
  /** Nanoseconds since the Unix epoch; not limited to 64 bits. */
  readonly ns: bigint;
  /** Minutes east of UTC in which the instant is written. */
  readonly offsetMinutes: number;
}

const NS_PER_SECOND = 1_000_000_000n;
const SECONDS_PER_DAY = 86_400;
const MAX_OFFSET_MINUTES = 24 * 60;

const RFC3339 = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:Z|([+-])(\d\d):(\d\d))$/;

/** The instant in the local zone's offset *at that instant*, as restic records it. */
export function localGoTime(ns: bigint): GoTime {
  return { ns, offsetMinutes: localOffsetMinutes(secondsOf(ns)) };
}

/** Years outside 0 to 9999, which the format cannot write, are clamped as restic does. */
export function formatGoTime(time: GoTime): string {
  const seconds = secondsOf(time.ns);
  const nanoseconds = Number(time.ns - BigInt(seconds) * NS_PER_SECOND);
  const local = seconds + time.offsetMinutes * 60;
  const days = Math.floor(local / SECONDS_PER_DAY);
  return (
    formatDate(days) +
    formatClock(local - days * SECONDS_PER_DAY) +
    formatFraction(nanoseconds) +
    formatOffset(time.offsetMinutes)
  );
}

/** Parses RFC 3339. Digits beyond nanoseconds are dropped. Throws `FORMAT_INVALID`. */
export function parseGoTime(text: string): GoTime {
  const match = RFC3339.exec(text);
  if (match === null) throw invalidTime(text);
  const [, year, month, day, hour, minute, second, fraction = '', sign, zoneHour = '0', zoneMinute = '0'] = match.map(
    (part) => part ?? undefined,
  );
  const date = { year: Number(year), month: Number(month), day: Number(day) };
  const days = daysFromCivil(date);
  const back = civilFromDays(days);
  // A day that the month does not have comes back as another date.
  const isDate = date.month >= 1 && date.month <= 12 && back.day === date.day && back.month === date.month;
  const offset = (Number(zoneHour) * 60 + Number(zoneMinute)) * (sign === '-' ? -1 : 1);
  const isClock = Number(hour) < 24 && Number(minute) < 60 && Number(second) < 60;
  if (!isDate || !isClock || Number(zoneMinute) > 59 || Math.abs(offset) > MAX_OFFSET_MINUTES) throw invalidTime(text);
  const clock = Number(hour) * 3600 + Number(minute) * 60 + Number(second);
  const seconds = days * SECONDS_PER_DAY + clock - offset * 60;
  // `+ 0` turns the -0 of an offset "-00:00" into 0.
  return {
    ns: BigInt(seconds) * NS_PER_SECOND + BigInt(fraction.slice(0, 9).padEnd(9, '0')),
    offsetMinutes: offset + 0,
  };
}

/** Whole seconds since the epoch, rounded towards the past. */
export function secondsOf(ns: bigint): number {
  const quotient = ns / NS_PER_SECOND;
  return Number(ns < 0n && quotient * NS_PER_SECOND !== ns ? quotient - 1n : quotient);
}

/** `YYYY-MM-DD` of a local day number, the year clamped to 0…9999. */
export function formatDate(days: number): string {
  let { year, month, day } = civilFromDays(days);
  if (year < 0 || year > 9999) {
    year = year < 0 ? 0 : 9999;
    // restic shifts by whole years; the leap day then falls on 1 March (year 0 is a leap year).
    if (year === 9999 && month === 2 && day === 29) [month, day] = [3, 1];
  }
  return `${String(year).padStart(4, '0')}-${twoDigits(month)}-${twoDigits(day)}`;
}

/** `±hh:mm`, or `Z` for 0. */
export function formatOffset(offsetMinutes: number): string {
  if (offsetMinutes === 0) return 'Z';
  const size = Math.abs(offsetMinutes);
  return `${offsetMinutes < 0 ? '-' : '+'}${twoDigits(Math.floor(size / 60))}:${twoDigits(size % 60)}`;
}

function formatClock(seconds: number): string {
  return `T${twoDigits(Math.floor(seconds / 3600))}:${twoDigits(Math.floor(seconds / 60) % 60)}:${twoDigits(seconds % 60)}`;
}

function formatFraction(nanoseconds: number): string {
  if (nanoseconds === 0) return '';
  return `.${String(nanoseconds).padStart(9, '0').replace(/0+$/, '')}`;
}

function twoDigits(value: number): string {
  return value < 10 ? `0${value}` : String(value);
}

function invalidTime(text: string): CairnError {
  return new CairnError('FORMAT_INVALID', `not an RFC 3339 time: ${JSON.stringify(text.slice(0, 80))}`);
}
