import { describe, expect, it } from 'vitest';
import { globPattern } from './glob-pattern.ts';

describe('shell patterns', () => {
  it.each([
    ['*.pdf', 'a.pdf', true],
    ['*.pdf', 'a/b.pdf', false],
    ['?', 'é', true],
    ['?', '👍', true],
    ['[a-c]x', 'bx', true],
    ['[!a-c]x', 'bx', false],
    ['[^a-c]x', 'dx', true],
    ['[]]', ']', true],
    ['[!a]', '/', false],
    ['\\*', '*', true],
    ['\\*', 'a', false],
    ['/home/**/x', '/home/x', true],
    ['/home/**/x', '/home/a/b/x', true],
    ['/home/**', '/home/a/b', true],
    ['**/b/c', '/a/b/c', true],
    ['a.b', 'axb', false],
    ['(a|b)+{1}^$', '(a|b)+{1}^$', true],
  ])('%s %s: %s', (pattern, text, matches) => {
    expect(globPattern(pattern, { ignoreCase: false }).test(text)).toBe(matches);
  });

  it('may ignore case, also of foreign letters', () => {
    expect(globPattern('Ä*', { ignoreCase: true }).test('äpfel')).toBe(true);
  });

  it('with an open set is refused', () => {
    expect(() => globPattern('a[b', { ignoreCase: false })).toThrow(
      expect.objectContaining({ code: 'EXCLUDE_INVALID' }),
    );
  });
});
