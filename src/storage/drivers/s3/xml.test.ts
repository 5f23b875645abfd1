import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hasCode } from '../../../base/errors.ts';
import { childrenOf, escapeXml, parseXml, textOf } from './xml.ts';

describe('parseXml', () => {
  it('reads elements and their text', () => {
    const root = parseXml(
      '<?xml version="1.0" encoding="UTF-8"?>\n<R xmlns="http://x/"><!-- c --><A b="1">x</A><A/><B><C>y</C></B></R>\n',
    );
    expect(root.name).toBe('R');
    expect(childrenOf(root, 'A').map(({ text }) => text)).toEqual(['x', '']);
    expect(textOf(parseXml('<a:R><a:B>z</a:B></a:R>'), 'B')).toBe('z');
  });

  it('decodes what stands for characters', () => {
    expect(parseXml('<R>a&amp;b &lt;&gt;&quot;&apos; &#65;&#x42; <![CDATA[<&>]]></R>').text).toBe(`a&b <>"' AB <&>`);
  });

  it('keeps white space, which may belong to a key', () => {
    expect(textOf(parseXml('<R><Key> a  b </Key></R>'), 'Key')).toBe(' a  b ');
  });

  it.each([
    '',
    'text',
    '<R>',
    '<R></S>',
    '</R>',
    '<R/><S/>',
    '<R>&unknown;</R>',
    '<R>&#x110000;</R>',
    '<!DOCTYPE R [<!ENTITY a "b">]><R>&a;</R>',
    '<R><A</R>',
    '<R>1 < 2</R>',
    '<html><body><p>Log in</body></html>',
    '<a>'.repeat(30) + '</a>'.repeat(30),
  ])('refuses %j', (document) => {
    expect(() => parseXml(document)).toThrow(expect.objectContaining({ code: 'FORMAT_INVALID' }));
  });

  it('gives back any text that was escaped', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => parseXml(`<R>${escapeXml(text)}</R>`).text === text),
    );
  });

  it('answers anything with a document or FORMAT_INVALID', () => {
    const piece = fc.constantFrom(
      '<',
      '>',
      '</',
      '/>',
      'R',
      ' ',
      '&',
      '&amp;',
      ';',
      '<!--',
      '-->',
      '<![CDATA[',
      ']]>',
      '"',
    );
    fc.assert(
      fc.property(fc.array(piece), (pieces) => {
        try {
          parseXml(pieces.join(''));
        } catch (error) {
          if (!hasCode(error, 'FORMAT_INVALID')) throw error;
        }
      }),
    );
  });
});
