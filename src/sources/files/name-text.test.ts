import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytesKey } from '../../base/bytes.ts';
import { textOf } from './name-text.ts';

describe('names as text', () => {
  it('tells any two names apart', () => {
    const bytes = fc.uint8Array({ maxLength: 6 });
    fc.assert(
      fc.property(bytes, bytes, (a, b) => {
        expect(textOf(bytesKey(a)) === textOf(bytesKey(b))).toBe(Buffer.compare(a, b) === 0);
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
