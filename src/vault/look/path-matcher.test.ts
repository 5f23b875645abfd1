import { describe, expect, it } from 'vitest';
import { utf8 } from '../../base/bytes.ts';
import { compilePathMatcher } from './path-matcher.ts';

const matches = (path: string, patterns: readonly string[], ignoreCase = false): boolean | undefined =>
  compilePathMatcher(patterns, { ignoreCase })?.(path.slice(1).split('/').map(utf8));

describe('patterns about paths in a backup', () => {
  it.each([
    ['*.pdf', '/x/a.pdf', true],
    ['*.pdf', '/a.pdf/b', false],
    ['?', '/é', true],
    ['?', '/👍', true],
    ['[a-c]x', '/bx', true],
    ['[^a-c]x', '/dx', true],
    ['[!a-c]x', '/dx', false],
    ['[!a-c]x', '/!x', true],
    ['\\*', '/*', true],
    ['\\*', '/a', false],
    ['/home/**/x', '/home/x', true],
    ['/home/**/x', '/home/a/b/x', true],
    ['/home/**', '/home/a/b', true],
    ['/home/a**', '/home/a/b', false],
    ['b/c', '/a/b/c', true],
    ['/b/c', '/a/b/c', false],
    ['a.b', '/axb', false],
    ['(a|b)+{1}^$', '/(a|b)+{1}^$', true],
  ])('%s %s: %s', (pattern, path, expected) => {
    expect(matches(path, [pattern])).toBe(expected);
  });

  it('may take back what an earlier one matched', () => {
    const patterns = ['*.pdf', '!/drafts'];
    expect([matches('/a.pdf', patterns), matches('/drafts/a.pdf', patterns)]).toEqual([true, false]);
  });

  it('may ignore case, also of foreign letters', () => {
    expect(matches('/äpfel', ['Ä*'], true)).toBe(true);
  });

  it('are refused when malformed', () => {
    expect(() => compilePathMatcher(['a[b'])).toThrow(expect.objectContaining({ code: 'EXCLUDE_INVALID' }));
  });
});
