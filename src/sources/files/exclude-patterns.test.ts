import { bytesKey } from '../../base/bytes.ts';
import { describe, expect, it } from 'vitest';
import { compileExcludes } from './exclude-patterns.ts';

const latin1 = (text: string): string => bytesKey(Buffer.from(text));

/** Whether the walk to `path` would leave it out, directories above it included. */
function excludes(patterns: readonly string[], path: string, ignoreCase = false): boolean {
  const matcher = compileExcludes(patterns, { ignoreCase });
  if (matcher === undefined) return false;
  const names = path.slice(1).split('/');
  return names.some((name, at) => matcher.inDirectory(latin1(`/${names.slice(0, at).join('/')}`))(latin1(name)));
}

describe('compileExcludes', () => {
  it.each([
    [['foo'], '/foo', true],
    [['foo'], '/a/b/foo', true],
    [['foo'], '/a/foo/b', true],
    [['foo'], '/a/foobar', false],
    [['*.go'], '/foo/bar/test.go', true],
    [['*.go'], '/foo/bar/test.go/baz', true],
    [['*.go'], '/foo/bar/test.c', false],
    [['foo/bar'], '/a/foo/bar', true],
    [['foo/bar'], '/a/foo/x/bar', false],
    [['foo/*/bar'], '/foo/x/bar', true],
    [['/foo/bar'], '/foo/bar/baz', true],
    [['/foo/bar'], '/x/foo/bar', false],
    [['/*'], '/anything', true],
    [['/foo/*/x'], '/foo/bar/x', true],
    [['foo/**/bar'], '/foo/bar', true],
    [['foo/**/bar'], '/z/foo/a/b/c/bar', true],
    [['foo/**/bar'], '/foo/a/b/c', false],
    [['/foo/**/bar'], '/foo/a/bar', true],
    [['/foo/**/bar'], '/z/foo/a/bar', false],
    [['**/bar'], '/a/bar', true],
    [['/foo/**'], '/foo', true],
    [['**'], '/x', true],
    [['foo/'], '/a/foo', true],
    [['./foo'], '/a/foo', true],
    [['a//b'], '/x/a/b', true],
    [['/'], '/x', false],
    [[''], '/x', false],
    [['a[bc]d'], '/x/acd', true],
    [['\\!foo'], '/!foo', true],
    [['*.tmp', '!keep.tmp'], '/a/keep.tmp', false],
    [['*.tmp', '!keep.tmp'], '/a/other.tmp', true],
    [['!keep.tmp', '*.tmp'], '/a/keep.tmp', true],
    [['/a/*', '!/a/keep'], '/a/keep/x', false],
    [['/a/*', '!/a/keep'], '/a/drop/x', true],
    [['*.log', '!important'], '/important/x.log', false],
    [['*.log', '!important'], '/other/x.log', true],
    [['/a', '!/a/b'], '/a/b', true],
    [['ünï?'], '/x/ünïö', true],
    [['a', 'b', '*.c', '/d/e'], '/d/e', true],
  ] as const)('%j and %s: %s', (patterns, path, expected) => {
    expect(excludes(patterns, path)).toBe(expected);
  });

  it('does not let a pattern match above the directory that is walked', () => {
    const filter = compileExcludes(['tmp', 'x*'])?.inDirectory('/tmp/xyz');
    expect(filter?.('file')).toBe(false);
  });

  it('ignores case only when asked', () => {
    expect(excludes(['*.JPG'], '/a/photo.jpg')).toBe(false);
    expect(excludes(['*.JPG', 'ÄRGER'], '/a/photo.jpg', true)).toBe(true);
    expect(excludes(['ÄRGER/x'], '/ärger/X', true)).toBe(true);
  });

  it('matches names that are not UTF-8 with wildcards', () => {
    const filter = compileExcludes(['a?b', 'dir/*.c'])?.inDirectory('/dir');
    expect([filter?.('a\xffb'), filter?.('a\xff\xfeb'), filter?.('\xff.c')]).toEqual([true, false, true]);
  });

  it('refuses a malformed pattern', () => {
    expect(() => compileExcludes(['ok', 'bad['])).toThrow(expect.objectContaining({ code: 'EXCLUDE_INVALID' }));
  });

  it('is nothing without patterns', () => {
    expect(compileExcludes(['', ''])).toBeUndefined();
  });
});
