import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hasCode } from '../../base/errors.ts';
import { KERNEL_SCRATCH_BYTES as DATA, createKernels } from '../../kernels/kernels.ts';
import { createChunker } from './chunker.ts';
import type { ChunkerSpec } from './chunker.ts';

const SIZE = 9_000_000;
const kernels = createKernels({ dataBytes: SIZE });
for (let i = 0, state = 1; i < SIZE; i++) {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
  kernels.bytes[DATA + i] = state >>> 24;
}

const specs: ChunkerSpec[] = [
  { kind: 'gear' },
  { kind: 'rabin', polynomial: 0x3da3358b4dc173n },
  { kind: 'fixed', size: 65_536 },
];

describe.each(specs)('the $kind chunker', (spec) => {
  const chunker = createChunker(kernels, spec);

  it('covers the data with chunks inside its bounds, only the last one smaller', () => {
    const sizes: number[] = [];
    for (let at = 0; at < SIZE; at += sizes.at(-1)!) sizes.push(chunker.cut(DATA + at, DATA + SIZE) - DATA - at);
    const inner = sizes.slice(0, -1);
    expect(inner.length).toBeGreaterThan(2);
    expect(inner.every((size) => size >= chunker.minSize && size <= chunker.maxSize)).toBe(true);
    expect(sizes.at(-1)).toBeLessThanOrEqual(chunker.maxSize);
  });

  it('cuts the same wherever in memory the data lies', () => {
    const wanted = chunker.cut(DATA, DATA + 2_000_000) - DATA;
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 200_000 }), (shift) => {
        kernels.bytes.copyWithin(DATA + 4_000_000 + shift, DATA, DATA + 2_000_000);
        const start = DATA + 4_000_000 + shift;
        expect(chunker.cut(start, start + 2_000_000) - start).toBe(wanted);
      }),
      { numRuns: 10 },
    );
  });
});

it('keeps pages whole in fixed chunks', () => {
  const chunker = createChunker(kernels, { kind: 'fixed', size: 65_536 });
  expect(chunker.cut(DATA, DATA + 65_537)).toBe(DATA + 65_536);
  expect(chunker.cut(DATA, DATA + 65_535)).toBe(DATA + 65_535);
});

it.each<ChunkerSpec>([
  { kind: 'fixed', size: 0 },
  { kind: 'fixed', size: 1000 },
  { kind: 'fixed', size: Number.NaN },
  { kind: 'fixed', size: 16_777_216 },
  { kind: 'rabin', polynomial: 0x11bn },
])('refuses the impossible chunker %o', (spec) => {
  expect(() => createChunker(kernels, spec)).toThrow(expect.toSatisfy((error) => hasCode(error, 'ARGUMENT_INVALID')));
});
