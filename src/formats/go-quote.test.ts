import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { arbitraryBytes } from '../../test/support/node-arbitrary.ts';
import { quoteName, unquoteName } from './go-quote.ts';

describe('quoteName', () => {
  it.each([
    ['plain name.txt', 'plain name.txt'],
    ['"\\\'`<&>', String.raw`\"\\'` + '`<&>'],
    ['\u0007\b\f\n\r\t\v', String.raw`\a\b\f\n\r\t\v`],
    ['\u0001\u007f', String.raw`\x01\x7f`],
    ['ä日\u{1f600}\ufffd', 'ä日\u{1f600}\ufffd'],
    ['\u00a0\u00ad\u2028\u200d\ufeff\ue000\u3000', String.raw`\u00a0\u00ad\u2028\u200d\ufeff\ue000\u3000`],
    ['\u{10ffff}', String.raw`\U0010ffff`],
  ])('writes %j as %j', (name, quoted) => {
    expect(quoteName(Buffer.from(name))).toBe(quoted);
  });

  it.each([
    ['ff41fe', String.raw`\xffA\xfe`],
    ['c080', String.raw`\xc0\x80`],
    ['eda080', String.raw`\xed\xa0\x80`],
    ['c3', String.raw`\xc3`],
  ])('writes the bytes %s as %j', (hex, quoted) => {
    expect(quoteName(Buffer.from(hex, 'hex'))).toBe(quoted);
  });
});

describe('unquoteName', () => {
  it('gives back the bytes of every name', () => {
    fc.assert(
      fc.property(arbitraryBytes(), (name) => {
        expect(Buffer.from(unquoteName(quoteName(name)))).toEqual(Buffer.from(name));
      }),
      { numRuns: 1000 },
    );
  });

  it.each([
    [String.raw`\303\244`, 'c3a4'],
    [String.raw`\xC3\xa4`, 'c3a4'],
    [String.raw`\u00E4\U0001f600`, 'c3a4f09f9880'],
  ])('undoes %j', (text, hex) => {
    expect(Buffer.from(unquoteName(text)).toString('hex')).toBe(hex);
  });

  it.each([
    'C:\\dir',
    'end\\',
    String.raw`\x4`,
    String.raw`\400`,
    String.raw`\18`,
    String.raw`\ud800`,
    String.raw`\U00110000`,
    String.raw`\'`,
    '"\\n',
    '\n\\n',
  ])('takes %j, which is not in quoted form, as the name itself', (text) => {
    expect(Buffer.from(unquoteName(text)).toString()).toBe(text);
  });
});
