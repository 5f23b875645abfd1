import fc from 'fast-check';
import { expect, it } from 'vitest';
import { SplitTime } from './split-time.ts';

const split = new SplitTime();

const exact = (ns: bigint): { readonly seconds: number; readonly nanoseconds: number } => {
  const rest = ((ns % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
  return { seconds: Number((ns - rest) / 1_000_000_000n), nanoseconds: Number(rest) };
};

it.each([
  0n,
  1n,
  999_999_999n,
  1_000_000_000n,
  -1n,
  2n ** 63n - 1n,
  2n ** 63n,
  -(2n ** 63n),
  9_200_000_000_000_000_000n,
])('splits %s', (ns) => {
  expect(split.of(ns)).toMatchObject(exact(ns));
});

it('splits every time as big integers do', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 66n), max: 2n ** 66n }), (ns) => {
      expect(split.of(ns)).toMatchObject(exact(ns));
    }),
    { numRuns: 2000 },
  );
});

it('splits times of this century to the nanosecond', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 4_000_000_000_000_000_000n }), (ns) => {
      expect(split.of(ns)).toMatchObject(exact(ns));
    }),
    { numRuns: 2000 },
  );
});
