// Times in trees. The twin is in src/kernels/twins/tree-scan.ts.
const QUOTE: u32 = 0x22;
const DOT: u32 = 0x2e;
const DASH: u32 = 0x2d;
const PLUS: u32 = 0x2b;
const COLON: u32 = 0x3a;
const LETTER_T: u32 = 0x54;
const LETTER_Z: u32 = 0x5a;
/** What `pair` gives for anything but two digits; more than any part of a time. */
const NO_PAIR: u32 = 0xffff;
/** What `readOffset` gives for no offset; more than the seconds of a day. */
const NO_OFFSET: i64 = 0xffffff;

/** The time that `readTimeAt` read, in nanoseconds since the Unix epoch. */
export let timeNs: i64 = 0;
let at: usize = 0;

@inline
function pair(place: usize): u32 {
  const tens = <u32>load<u8>(place) - 0x30;
  const ones = <u32>load<u8>(place, 1) - 0x30;
  return tens > 9 || ones > 9 ? NO_PAIR : tens * 10 + ones;
}

function daysInMonth(year: u32, month: u32): u32 {
  if (month != 2) return 30 + ((month + (month >> 3)) & 1);
  return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28;
}

/** The day number of a date of the years that are read, as in src/formats/civil-date.ts. */
function daysFromCivil(year: u32, month: u32, day: u32): i64 {
  const shifted = month <= 2 ? year - 1 : year;
  const era = shifted / 400;
  const yearOfEra = shifted - era * 400;
  const dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  const dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear;
  return <i64>(era * 146097 + dayOfEra) - 719468;
}

/** The digits behind the point of a time, as nanoseconds, or -1. */
function readFraction(): i64 {
  const start = ++at;
  let nanoseconds: u32 = 0;
  for (let unit: u32 = 100000000; unit >= 1; unit /= 10) {
    const digit = <u32>load<u8>(at) - 0x30;
    if (digit > 9) break;
    nanoseconds += digit * unit;
    at++;
  }
  return at == start ? -1 : <i64>nanoseconds;
}

/** The seconds that a time is ahead of UTC, or `NO_OFFSET`. */
function readOffset(): i64 {
  const sign = <u32>load<u8>(at);
  at++;
  if (sign == LETTER_Z) return 0;
  if ((sign != PLUS && sign != DASH) || load<u8>(at, 2) != COLON) return NO_OFFSET;
  const hour = pair(at);
  const minute = pair(at + 3);
  if (hour > 23 || minute > 59) return NO_OFFSET;
  at += 5;
  const seconds = <i64>(hour * 3600 + minute * 60);
  return sign == DASH ? -seconds : seconds;
}

/** Reads an RFC 3339 time with its closing quote into `timeNs`; where it ends, or 0 if there is none. */
export function readTimeAt(start: usize): usize {
  at = start;
  const year = pair(at) * 100 + pair(at + 2);
  const month = pair(at + 5);
  const day = pair(at + 8);
  const hour = pair(at + 11);
  const minute = pair(at + 14);
  const second = pair(at + 17);
  // Before 1678 and after 2261 nanoseconds do not fit 64 bits.
  if (year < 1678 || year > 2261 || month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) return 0;
  if (hour > 23 || minute > 59 || second > 59) return 0;
  if (load<u8>(at, 4) != DASH || load<u8>(at, 7) != DASH || load<u8>(at, 10) != LETTER_T) return 0;
  if (load<u8>(at, 13) != COLON || load<u8>(at, 16) != COLON) return 0;
  at += 19;
  const nanoseconds = <u32>load<u8>(at) == DOT ? readFraction() : 0;
  const offset = readOffset();
  if (nanoseconds < 0 || offset == NO_OFFSET || <u32>load<u8>(at) != QUOTE) return 0;
  at++;
  const seconds = daysFromCivil(year, month, day) * 86400 + <i64>(hour * 3600 + minute * 60 + second) - offset;
  timeNs = seconds * 1000000000 + nanoseconds;
  return at;
}
