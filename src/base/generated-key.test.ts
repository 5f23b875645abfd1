import { describe, expect, it } from 'vitest';
import { generateKey, isGeneratedKey, isMiscopiedKey } from './generated-key.ts';
import { utf8 } from './bytes.ts';

describe('a generated key', () => {
  const key = generateKey();

  it('is recognised', () => {
    expect(isGeneratedKey(utf8(key))).toBe(true);
    expect(isMiscopiedKey(utf8(key))).toBe(false);
  });

  it('is another one each time', () => {
    expect(generateKey()).not.toBe(key);
  });

  it('with any character changed is none, and told as miscopied', () => {
    for (let at = 'cairn-key-'.length; at < key.length; at++) {
      const changed = utf8(key.slice(0, at) + (key[at] === 'A' ? 'B' : 'A') + key.slice(at + 1));
      expect([at, isGeneratedKey(changed), isMiscopiedKey(changed)]).toEqual([at, false, true]);
    }
  });

  it.each([
    ['cut short', key.slice(0, -1)],
    ['with something behind it', `${key}x`],
    ['in capitals', key.toUpperCase()],
  ])('%s is none, and told as miscopied', (_, text) => {
    expect([isGeneratedKey(utf8(text)), isMiscopiedKey(utf8(text))]).toEqual([false, true]);
  });

  it.each([
    'correct horse battery staple',
    '',
    // What the first versions made: as random, and no longer told from words of that length.
    'mGq1c7kzGk9hTn1nqj8m1cF2mX0xwZ3K1aR8yV5uQ4E',
  ])('%j is a password of a person', (text) => {
    expect([isGeneratedKey(utf8(text)), isMiscopiedKey(utf8(text))]).toEqual([false, false]);
  });
});
