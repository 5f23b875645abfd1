import { describe, expect, it } from 'vitest';
import { parseGoTime } from './go-time.ts';
import { parseTimeSpan } from './time-span.ts';

const ns = (text: string): bigint => parseGoTime(text).ns;

describe('parseTimeSpan', () => {
  it.each([
    ['2026-01-02T03:04:05.5Z', '2026-01-02T03:04:05.5Z', '2026-01-02T03:04:05.6Z'],
    ['2026-01-02T03:04:05Z', '2026-01-02T03:04:05Z', '2026-01-02T03:04:06Z'],
    ['2026-01-02T03:04Z', '2026-01-02T03:04:00Z', '2026-01-02T03:05:00Z'],
    ['2026-01-02Z', '2026-01-02T00:00:00Z', '2026-01-03T00:00:00Z'],
    ['2026-01-02 03:04:05+01:00', '2026-01-02T02:04:05Z', '2026-01-02T02:04:06Z'],
    ['2028-02-29Z', '2028-02-29T00:00:00Z', '2028-03-01T00:00:00Z'],
  ])('%s is from %s until before %s', (text, start, end) => {
    expect(parseTimeSpan(text)).toEqual({ startNs: ns(start), endNs: ns(end) - 1n });
  });

  it('takes a date for the local day', () => {
    expect(parseTimeSpan('2026-01-02')).toEqual({
      startNs: BigInt(new Date(2026, 0, 2).getTime()) * 1_000_000n,
      endNs: BigInt(new Date(2026, 0, 3).getTime()) * 1_000_000n - 1n,
    });
  });

  it('keeps nanoseconds', () => {
    const at = ns('2026-01-02T03:04:05Z') + 123_456_789n;
    expect(parseTimeSpan('2026-01-02T03:04:05.123456789Z')).toEqual({ startNs: at, endNs: at });
  });

  it.each(['', 'yesterday', '2026-13-01', '2026-02-30', '2026-01-02T25:00:00Z', '20260102'])('refuses %j', (text) => {
    expect(parseTimeSpan(text)).toBeUndefined();
  });
});
