import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes, utf8 } from '../../../base/bytes.ts';
import { piecesOf } from './sftp-transfer.ts';

describe('piecesOf', () => {
  it('gives the same bytes in pieces of the size, the last one shorter, however they came', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 })), fc.integer({ min: 1, max: 17 }), (parts, size) => {
        const pieces = [...piecesOf(parts, size)];
        expect(Buffer.concat(pieces)).toEqual(Buffer.from(concatBytes(parts)));
        expect(pieces.slice(0, -1).every((piece) => piece.length === size)).toBe(true);
        expect(pieces.every((piece) => piece.length > 0)).toBe(true);
      }),
    );
  });

  it('does not use the memory of one piece for another: both are under way', () => {
    const [first, second] = [...piecesOf(['ab', 'cd', 'ef', 'gh'].map(utf8), 4)];
    expect([first?.toString(), second?.toString()]).toEqual(['abcd', 'efgh']);
  });
});
