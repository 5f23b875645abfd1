import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { arbitraryTime } from '../../test/support/node-arbitrary.ts';
import { formatGoTime, localGoTime, parseGoTime } from './go-time.ts';

describe('formatGoTime', () => {
  it.each([
    [0n, 0, '1970-01-01T00:00:00Z'],
    [1n, 0, '1970-01-01T00:00:00.000000001Z'],
    [-1n, 0, '1969-12-31T23:59:59.999999999Z'],
    [1_720_000_000_500_000_000n, 120, '2024-07-03T11:46:40.5+02:00'],
    [1_709_164_800_000_000_000n, -210, '2024-02-28T20:30:00-03:30'],
    [-62_135_596_800_000_000_000n, 0, '0001-01-01T00:00:00Z'],
  ])('writes %d at offset %d as %s', (ns, offsetMinutes, text) => {
    expect(formatGoTime({ ns, offsetMinutes })).toBe(text);
  });

  it.each([
    [-100_000_000_000n, /^0000-/],
    [400_000_000_000n, /^9999-/],
  ])('clamps the year of second %d', (seconds, pattern) => {
    expect(formatGoTime({ ns: seconds * 1_000_000_000n, offsetMinutes: 0 })).toMatch(pattern);
  });
});

describe('parseGoTime', () => {
  it('reads back every time the format can write', () => {
    fc.assert(
      fc.property(arbitraryTime(), (time) => {
        expect(parseGoTime(formatGoTime(time))).toEqual(time);
      }),
    );
  });

  it('agrees with Date', () => {
    fc.assert(
      fc.property(
        fc.date({ min: new Date('0000-01-01T00:00:00Z'), max: new Date('9999-12-31'), noInvalidDate: true }),
        (date) => {
          expect(parseGoTime(date.toISOString())).toEqual({
            ns: BigInt(date.getTime()) * 1_000_000n,
            offsetMinutes: 0,
          });
        },
      ),
    );
  });

  it('reads the offset -00:00 as UTC', () => {
    expect(parseGoTime('1970-01-01T00:00:00-00:00')).toEqual({ ns: 0n, offsetMinutes: 0 });
  });

  it('drops digits beyond nanoseconds', () => {
    expect(parseGoTime('1970-01-01T00:00:00.0000000019Z').ns).toBe(1n);
  });

  it.each([
    '',
    '2024-02-30T00:00:00Z',
    '2023-02-29T00:00:00Z',
    '2024-13-01T00:00:00Z',
    '2024-00-01T00:00:00Z',
    '2024-01-01T24:00:00Z',
    '2024-01-01T00:60:00Z',
    '2024-01-01T00:00:60Z',
    '2024-01-01 00:00:00Z',
    '2024-01-01T00:00:00',
    '2024-01-01T00:00:00.Z',
    '2024-01-01T00:00:00+25:00',
  ])('refuses %j', (text) => {
    expect(() => parseGoTime(text)).toThrow(expect.objectContaining({ code: 'FORMAT_INVALID' }));
  });
});

describe('localGoTime', () => {
  it("has the offset that Date has at every instant of this process's zone", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4_000_000_000 }), (seconds) => {
        const expected = -new Date(seconds * 1000).getTimezoneOffset() + 0;
        expect(localGoTime(BigInt(seconds) * 1_000_000_000n).offsetMinutes).toBe(expected);
      }),
    );
  });

  it('follows daylight saving time to the second, in summer and winter', () => {
    const seconds = [1_704_067_200, 1_711_846_799, 1_711_846_800, 1_720_000_000, 1_729_990_799, 1_729_990_800];
    const program = `import { localGoTime } from ${JSON.stringify(new URL('go-time.ts', import.meta.url).href)};
      console.log(${JSON.stringify(seconds)}.map((s) => localGoTime(BigInt(s) * 1000000000n).offsetMinutes).join());`;
    const output = execFileSync(process.execPath, ['--input-type=module', '-e', program], {
      env: { ...process.env, TZ: 'Europe/Berlin' },
      encoding: 'utf8',
    });
    expect(output.trim()).toBe('60,60,120,120,120,60');
  });
});
