import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { after, before, parseInterval } from './interval.ts';

describe('B38: an interval', () => {
  it.each([
    ['2D1h', 176_400],
    ['3M', 7_776_000],
    ['1M3W4h2s', 4_420_802],
    ['3M2D8h20m5s', 7_978_805],
    ['1Y', 31_536_000],
    ['1D1D', 172_800],
  ])('%s is %i seconds', (text, seconds) => {
    expect(parseInterval(text)).toEqual({ text, months: 0, seconds });
  });

  it.each([
    ['P1M', 1, 0],
    ['P1Y2M3W4DT5H6M7S', 14, 25 * 86_400 + 5 * 3600 + 6 * 60 + 7],
    ['PT1M', 0, 60],
  ])('in ISO 8601, %s is %i months and %i seconds', (text, months, seconds) => {
    expect(parseInterval(text)).toEqual({ text, months, seconds });
  });

  it.each([
    ['', 0],
    ['1z', 1],
    ['0D', 0],
    ['1d', 1],
    [' 1D', 0],
    ['1 D', 1],
    ['1.5D', 1],
    ['-1D', 0],
    ['D', 0],
    ['12', 2],
    ['1D2', 3],
    ['1D0h', 2],
    ['P', 1],
    ['PT', 2],
    ['P1M1Y', 4],
    ['P1H', 2],
    ['PT1.5S', 3],
    ['P-1D', 1],
    ['P0D', 1],
    ['99999Y', 0],
    ['9'.repeat(400) + 'D', 0],
  ])('%j is refused, at character %i', (input, offset) => {
    expect(() => parseInterval(input)).toThrow(
      expect.objectContaining({ code: 'ARGUMENT_INVALID', facts: { input, offset } }),
    );
  });

  it('adds up whatever the order of its parts', () => {
    const parts = fc.array(
      fc.tuple(fc.integer({ min: 1, max: 99 }), fc.constantFrom('s', 'm', 'h', 'D', 'W', 'M', 'Y')),
      {
        minLength: 1,
        maxLength: 8,
      },
    );
    fc.assert(
      fc.property(parts, (list) => {
        const texts = list.map(([count, unit]) => `${count}${unit}`);
        const sum = texts.reduce((seconds, text) => seconds + parseInterval(text).seconds, 0);
        expect(parseInterval(texts.join('')).seconds).toBe(sum);
        expect(parseInterval(texts.toReversed().join('')).seconds).toBe(sum);
      }),
    );
  });
});

describe('the moment before', () => {
  it.each([
    ['2026-03-31T10:00:00.000Z', 'P1M', '2026-02-28T10:00:00.000Z'],
    ['2024-03-31T10:00:00.000Z', 'P1M', '2024-02-29T10:00:00.000Z'],
    ['2024-02-29T10:00:00.000Z', 'P1Y', '2023-02-28T10:00:00.000Z'],
    ['2024-01-15T10:00:00.000Z', 'P14M', '2022-11-15T10:00:00.000Z'],
    ['2024-03-31T10:00:00.000Z', '1M', '2024-03-01T10:00:00.000Z'],
    ['2024-03-14T12:00:00.000Z', '1D12h', '2024-03-13T00:00:00.000Z'],
  ])('%s by %s is %s', (time, interval, wanted) => {
    expect(before(new Date(time), parseInterval(interval)).toISOString()).toBe(wanted);
  });

  it('and the moment after are a month apart in the calendar', () => {
    expect(after(new Date('2026-01-31T10:00:00Z'), parseInterval('P1M'))).toEqual(new Date('2026-02-28T10:00:00Z'));
    expect(after(new Date('2026-12-01T10:00:00Z'), parseInterval('P1M'))).toEqual(new Date('2027-01-01T10:00:00Z'));
  });
});
