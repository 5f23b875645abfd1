import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes } from '../base/bytes.ts';
import { sizeOf, sliceParts } from './object-range.ts';

const parts = fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 10 });

describe('sliceParts', () => {
  it('gives the same bytes in groups of one size, the last one excepted', () => {
    fc.assert(
      fc.property(parts, fc.integer({ min: 1, max: 30 }), (list, bytes) => {
        const groups = Array.from(sliceParts(list, bytes));
        expect(concatBytes(groups.flat())).toEqual(concatBytes(list));
        expect(groups.slice(0, -1).every((group) => sizeOf(group) === bytes)).toBe(true);
        expect(groups.every((group) => sizeOf(group) > 0)).toBe(true);
      }),
    );
  });

  it('copies nothing', () => {
    const part = new Uint8Array(10);
    for (const group of sliceParts([part], 4)) expect(group.every(({ buffer }) => buffer === part.buffer)).toBe(true);
  });
});
