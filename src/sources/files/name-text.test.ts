import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytesOf, latin1Of, latin1OfText, textOf } from './name-text.ts';

describe('names as text', () => {
  it('comes back to the same bytes from any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        expect(Buffer.from(bytesOf(latin1OfText(textOf(latin1Of(bytes))))).equals(Buffer.from(bytes))).toBe(true);
      }),
    );
  });

  it.each([
    ['\xc3\xa9', 'é'],
    ['\xff', '\udcff'],
    ['a\xf0\x9f\x98\x80\x80', 'a😀\udc80'],
    ['\xed\xa0\x80', '\udced\udca0\udc80'],
    ['\xef\xbb\xbfx', '\ufeffx'],
  ])('decodes %j', (latin1, text) => {
    expect(textOf(latin1)).toBe(text);
  });
});
