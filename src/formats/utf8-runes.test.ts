import { isUtf8 } from 'node:buffer';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeRune, RUNE_SHIFT, RUNE_SIZE_BITS } from './utf8-runes.ts';

function runesOf(bytes: Uint8Array): number[] {
  const runes: number[] = [];
  for (let at = 0; at < bytes.length;) {
    const rune = decodeRune(bytes, at);
    runes.push(rune < 0 ? -1 : rune >> RUNE_SHIFT);
    at += rune < 0 ? 1 : rune & RUNE_SIZE_BITS;
  }
  return runes;
}

describe('decodeRune', () => {
  it('reads valid text as its code points', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(runesOf(Buffer.from(text))).toEqual(Array.from(text, (character) => character.codePointAt(0)));
      }),
    );
  });

  it('finds an error exactly in what is not UTF-8', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 6 }), (bytes) => {
        expect(runesOf(bytes).includes(-1)).toBe(!isUtf8(bytes));
      }),
      { numRuns: 2000 },
    );
  });

  it.each(['c080', 'eda080', 'f4908080', 'e282', 'f08f8080'])('refuses each byte of %s', (hex) => {
    expect(new Set(runesOf(Buffer.from(hex, 'hex')))).toEqual(new Set([-1]));
  });
});
