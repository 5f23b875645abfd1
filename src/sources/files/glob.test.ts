import { describe, expect, it } from 'vitest';
import { globSource } from './glob.ts';

const matches = (pattern: string, name: string): boolean =>
  new RegExp(`^${globSource(pattern, pattern)}$`, 'us').test(name);

// The cases of Go's own documentation of filepath.Match and their neighbours.
describe('globSource', () => {
  it.each([
    ['abc', 'abc', true],
    ['*', 'abc', true],
    ['*', '', true],
    ['*c', 'abc', true],
    ['a*', 'a', true],
    ['a*b*c*d*e*', 'axbxcxdxe', true],
    ['a*b?c*x', 'abxbbxdbxebxczzx', true],
    ['a*b?c*x', 'abxbbxdbxebxczzy', false],
    ['ab[c]', 'abc', true],
    ['ab[b-d]', 'abc', true],
    ['ab[e-g]', 'abc', false],
    ['ab[^c]', 'abc', false],
    ['ab[^e-g]', 'abc', true],
    ['a\\*b', 'a*b', true],
    ['a\\*b', 'ab', false],
    ['a?b', 'a☺b', true],
    ['a[^a]b', 'a☺b', true],
    ['a???b', 'a☺b', false],
    ['[a-ζ]*', 'α', true],
    ['[\\]a]', ']', true],
    ['[\\-]', '-', true],
    ['[x\\-]', '-', true],
    ['[!a]', '!', true],
    ['[z-a]', 'm', false],
    ['[^z-a]', 'm', true],
    ['.', 'x', false],
    ['a+(b)|c', 'a+(b)|c', true],
    ['**', 'anything', true],
    ['*', 'line\nbreak', true],
    ['?', '\udcff', true],
  ])('%j on %j gives %s', (pattern, name, expected) => {
    expect(matches(pattern, name)).toBe(expected);
  });

  it.each(['[', '[^', '[a', '[]a]', '[-]', '[x-]', '[-x]', '[]', 'a\\', '[a-', '[\\'])('refuses %j', (pattern) => {
    expect(() => globSource(pattern, pattern)).toThrow(expect.objectContaining({ code: 'EXCLUDE_INVALID' }));
  });

  it('does not take exponential time over many stars', () => {
    expect(matches(`${'*'.repeat(40)}b`, 'a'.repeat(200))).toBe(false);
  });
});
