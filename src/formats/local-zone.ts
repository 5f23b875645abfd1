// The local zone's offset, cached by day: asking `Date` for every file of a million costs seconds.

const SECONDS_PER_DAY = 86_400;
const MAX_CACHED_DAYS = 65_536;
/** `Date` ends here, in seconds. */
const MAX_DATE_SECONDS = 8_640_000_000_000;
/** Stands for a day on which the offset changes. */
const CHANGES = Number.NaN;

const offsetByDay = new Map<number, number>();
let lastDay = Number.NaN;
let lastOffset = CHANGES;

/**
 * Minutes east of UTC that the local zone has at `seconds` since the epoch. The zone is the one the
 * process started with: results are cached, so a later change of `TZ` is not seen.
 */
export function localOffsetMinutes(seconds: number): number {
  const day = Math.floor(seconds / SECONDS_PER_DAY);
  if (day !== lastDay) {
    lastDay = day;
    lastOffset = offsetByDay.get(day) ?? rememberDay(day);
  }
  return Number.isNaN(lastOffset) ? exactOffset(seconds) : lastOffset;
}

function rememberDay(day: number): number {
  const first = exactOffset(day * SECONDS_PER_DAY);
  const last = exactOffset((day + 1) * SECONDS_PER_DAY - 1);
  const offset = first === last ? first : CHANGES;
  if (offsetByDay.size >= MAX_CACHED_DAYS) offsetByDay.clear();
  offsetByDay.set(day, offset);
  return offset;
}

function exactOffset(seconds: number): number {
  const inRange = Math.max(-MAX_DATE_SECONDS, Math.min(MAX_DATE_SECONDS, seconds));
  // `Date` may give fractions of a minute for zones of the nineteenth century; the format cannot.
  return Math.trunc(-new Date(inRange * 1000).getTimezoneOffset()) + 0;
}
