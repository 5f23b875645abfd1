import { describe, expect, it } from 'vitest';
import { parseIdentities, parseRecipients } from './age-key-list.ts';

describe('files of keys', () => {
  it('hold one a line, with comments and empty lines', () => {
    expect(parseRecipients('# ann\nage1aaa\r\n\n  age1bbb  \n', 'r.txt')).toEqual(['age1aaa', 'age1bbb']);
  });

  it('hold secret keys that do not print', () => {
    const [identity] = parseIdentities('# created: …\nAGE-SECRET-KEY-1AAA\n', 'key.txt');
    expect(Buffer.from(identity?.reveal() ?? []).toString()).toBe('AGE-SECRET-KEY-1AAA');
    expect(JSON.stringify(identity)).not.toContain('AAA');
  });

  it('name the line that is none, and never what it says', () => {
    expect(() => parseIdentities('AGE-SECRET-KEY-1AAA\nhunter2', 'key.txt')).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: 'key.txt, line 2: not a secret key of age' }),
    );
  });

  it('without a key are refused', () => {
    expect(() => parseRecipients('# nothing\n', 'r.txt')).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
  });
});
