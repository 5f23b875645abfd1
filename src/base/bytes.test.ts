import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytesKey, bytesOf, compareBytes } from './bytes.ts';

describe('bytesKey', () => {
  it('comes back to the same bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(compareBytes(bytesOf(bytesKey(bytes)), bytes)).toBe(0);
      }),
    );
  });

  it('keeps the order of the bytes', () => {
    const bytes = fc.uint8Array({ maxLength: 4 });
    fc.assert(
      fc.property(bytes, bytes, (a, b) => {
        expect(bytesKey(a) < bytesKey(b)).toBe(compareBytes(a, b) < 0);
      }),
    );
  });
});
