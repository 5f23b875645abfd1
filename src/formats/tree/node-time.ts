// Times in nodes, read from bytes: three for every file, so the general parser would cost more than all
// other fields together.
import { daysFromCivil } from '../civil-date.ts';
import type { GoTime } from '../go-time.ts';
import { parseGoTime } from '../go-time.ts';
import type { JsonReader } from '../json-reader.ts';

const NS_PER_SECOND = 1_000_000_000n;
const SECONDS_PER_DAY = 86_400;
/** Length of `YYYY-MM-DDTHH:MM:SS`. */
const CLOCK_END = 19;
const DOT = 0x2e;
const ZULU = 0x5a;
const PLUS = 0x2b;
const MINUS = 0x2d;

/** Parses the string that `reader` read last by `rawString`. Throws `FORMAT_INVALID`. */
export function readNodeTime(reader: JsonReader): GoTime {
  return readCommonForm(reader.bytes, reader.stringStart, reader.stringEnd) ?? parseGoTime(reader.stringText());
}

/** The form Go writes; `undefined` for any doubt, such as days that not all months have. */
function readCommonForm(bytes: Uint8Array, start: number, end: number): GoTime | undefined {
  if (end - start <= CLOCK_END || !hasPunctuation(bytes, start)) return undefined;
  const year = twoDigits(bytes, start) * 100 + twoDigits(bytes, start + 2);
  const month = twoDigits(bytes, start + 5);
  const day = twoDigits(bytes, start + 8);
  const hour = twoDigits(bytes, start + 11);
  const minute = twoDigits(bytes, start + 14);
  const second = twoDigits(bytes, start + 17);
  if (
    !(month >= 1 && month <= 12 && day >= 1 && day <= 28 + extraDays(month)) ||
    !(hour < 24 && minute < 60 && second < 60)
  ) {
    return undefined;
  }
  let at = start + CLOCK_END;
  let nanoseconds = 0;
  if (bytes[at] === DOT) {
    let scale = 100_000_000;
    for (at++; scale >= 1; at++) {
      const digit = (bytes[at] ?? 0) - 0x30;
      if (digit < 0 || digit > 9) break;
      nanoseconds += digit * scale;
      scale = Math.floor(scale / 10);
    }
    if (bytes[at - 1] === DOT) return undefined;
  }
  const offsetMinutes = readOffset(bytes, at, end);
  if (Number.isNaN(offsetMinutes + year)) return undefined;
  const clock = hour * 3600 + minute * 60 + second - offsetMinutes * 60;
  const seconds = daysFromCivil({ year, month, day }) * SECONDS_PER_DAY + clock;
  return { ns: BigInt(seconds) * NS_PER_SECOND + BigInt(nanoseconds), offsetMinutes };
}

/** Days beyond 28 that the month always has. */
function extraDays(month: number): number {
  if (month === 2) return 0;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 2 : 3;
}

function hasPunctuation(bytes: Uint8Array, start: number): boolean {
  return (
    bytes[start + 4] === MINUS &&
    bytes[start + 7] === MINUS &&
    bytes[start + 10] === 0x54 &&
    bytes[start + 13] === 0x3a &&
    bytes[start + 16] === 0x3a
  );
}

/** Minutes of `Z` or `±hh:mm` that fills the rest; NaN if it is anything else. */
function readOffset(bytes: Uint8Array, at: number, end: number): number {
  const sign = bytes[at];
  if (sign === ZULU) return end - at === 1 ? 0 : Number.NaN;
  if ((sign !== PLUS && sign !== MINUS) || end - at !== 6 || bytes[at + 3] !== 0x3a) return Number.NaN;
  const hours = twoDigits(bytes, at + 1);
  const minutes = twoDigits(bytes, at + 4);
  if (!(hours < 24 && minutes < 60)) return Number.NaN;
  const size = hours * 60 + minutes;
  return sign === MINUS && size > 0 ? -size : size;
}

/** 0 to 99, or NaN. */
function twoDigits(bytes: Uint8Array, at: number): number {
  const tens = (bytes[at] ?? 0) - 0x30;
  const ones = (bytes[at + 1] ?? 0) - 0x30;
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : Number.NaN;
}
