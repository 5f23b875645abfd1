// Times as people write them: `YYYY-MM-DD[THH:MM[:SS[.f]]][Z|±hh:mm]`, a space for the `T` allowed, local unless a zone
// is given. What is left out makes a span: `2026-11-19` is that whole day, so that "the newest backup at 2026-11-19"
// includes the one made that evening.
import { msToNs } from '../base/clock.ts';

/** Nanoseconds since the epoch. */
export interface TimeSpan {
  readonly startNs: bigint;
  /** The last nanosecond that is in it. */
  readonly endNs: bigint;
}

const SHAPE = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?)?(Z|[+-]\d{2}:\d{2})?$/;
const DAY_MS = 86_400_000;

/** The span that `text` names, or `undefined` if it is no time. */
export function parseTimeSpan(text: string): TimeSpan | undefined {
  const match = SHAPE.exec(text);
  if (match === null) return undefined;
  const [, day = '', minute, second, fraction, zone = ''] = match;
  if (!isDate(day)) return undefined;
  const startMs = Date.parse(`${day}T${minute ?? '00:00'}:${second ?? '00'}${zone}`);
  if (Number.isNaN(startMs)) return undefined;
  const unitNs = fraction === undefined ? 0n : 10n ** BigInt(9 - fraction.length);
  const startNs = msToNs(startMs) + BigInt(fraction ?? 0) * unitNs;
  if (fraction !== undefined) return { startNs, endNs: startNs + unitNs - 1n };
  if (second !== undefined) return { startNs, endNs: startNs + msToNs(1_000) - 1n };
  if (minute !== undefined) return { startNs, endNs: startNs + msToNs(60_000) - 1n };
  return { startNs, endNs: msToNs(nextDay(startMs, zone)) - 1n };
}

/** `Date` alone would take 30 February for 2 March. */
function isDate(day: string): boolean {
  const ms = Date.parse(`${day}T00:00:00Z`);
  return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(day);
}

// A local day has 23 or 25 hours when the clocks change.
function nextDay(startMs: number, zone: string): number {
  if (zone !== '') return startMs + DAY_MS;
  const next = new Date(startMs);
  return next.setDate(next.getDate() + 1);
}
