import fc from 'fast-check';
import { expect, it } from 'vitest';
import { cutText, utf8Cost } from './cut-text.ts';

const escape = (text: string): string => text.replaceAll('&', '&amp;');

it('leaves a text alone that just fits', () => {
  expect(cutText('abcde', 5)).toBe('abcde');
});

it('cuts one that does not and says so', () => {
  expect(cutText('abcdef', 5)).toBe('abcd…');
});

it('cuts at the end of a line where one is near', () => {
  expect(cutText('first line\nsecond line\nthird', 25)).toBe('first line\nsecond line\n…');
});

it('never exceeds its limit and never cuts through a character, whatever is counted', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom('a', 'é', '€', '🗄', '\n', '…') }),
      fc.integer({ min: 3, max: 40 }),
      (text, limit) => {
        const cut = cutText(text, limit, utf8Cost);
        expect(Buffer.byteLength(cut)).toBeLessThanOrEqual(limit);
        expect(cut.isWellFormed()).toBe(text.isWellFormed());
        expect(cut === text || text.startsWith(cut.slice(0, -1))).toBe(true);
      },
    ),
  );
});

it('counts what an escape makes of a character', () => {
  const cut = cutText('&'.repeat(10), 20, (character) => escape(character).length);
  expect(escape(cut).length).toBeLessThanOrEqual(20);
});
