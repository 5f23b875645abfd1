import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isObjectName } from '../storage/object-name.ts';
import { decodeValueKey, encodeValueKey, MAX_KEY_LENGTH, parseValueKey } from './value-key.ts';

/** Any text that may be a key, with a liking for what is special in names. */
const keys = fc
  .oneof(
    fc.string({ unit: 'binary', minLength: 1, maxLength: MAX_KEY_LENGTH }),
    fc.string({
      unit: fc.constantFrom('.', '/', '%', '-tmp-1', '-', 'A', 'a', '\\', '\0', 'é', '語', '🙂'),
      minLength: 1,
    }),
    fc.string({ unit: fc.constantFrom('語', '字', '🙂', 'z'), minLength: 100, maxLength: MAX_KEY_LENGTH }),
  )
  .filter((text) => text.length <= MAX_KEY_LENGTH && text.isWellFormed());

const objectIn = (folder: string): string => `values/${folder}/20261125T233000.123Z-2.0123456789abcdef.json.gz.age`;

describe('the folder of a key', () => {
  it('gives the key back, whatever it is', () => {
    fc.assert(fc.property(keys, (key) => decodeValueKey(encodeValueKey(parseValueKey(key))) === key));
  });

  it('always makes object names, with room for the prefix of a bucket', () => {
    fc.assert(
      fc.property(keys, (key) => {
        const name = objectIn(encodeValueKey(parseValueKey(key)));
        return isObjectName(name) && isObjectName(`values/${encodeValueKey(parseValueKey(key))}`) && name.length < 740;
      }),
    );
  });

  it('differs for two keys, also where case does not count, and none lies in that of another', () => {
    fc.assert(
      fc.property(keys, keys, (one, other) => {
        fc.pre(one !== other);
        const [a, b] = [one, other].map((key) => `${encodeValueKey(parseValueKey(key))}/`.toLowerCase());
        return a !== b && !a?.startsWith(b ?? '') && !b?.startsWith(a ?? '');
      }),
    );
  });

  it.each([
    ['mykey', 'mykey'],
    ['app/Settings.v2', 'app%2F%53ettings.v2'],
    ['..', '%2E%2E'],
    ['.', '%2E'],
    ['a.', 'a%2E'],
    ['x-tmp-17', 'x%2Dtmp-17'],
    ['50%', '50%25'],
    ['ä b', '%C3%A4%20b'],
  ])('of %s is %s', (key, folder) => {
    expect(encodeValueKey(parseValueKey(key))).toBe(folder);
  });

  it.each(['', 'A', '%61', '%zz', '%', 'a/b', '%u', '%u1', 'a%2e', '..', 'x-tmp-1', '%C3', 'a'.repeat(201)])(
    'is never %j',
    (folder) => {
      expect(decodeValueKey(folder)).toBeUndefined();
    },
  );
});

describe('a key', () => {
  it.each([
    ['', 'empty'],
    ['k'.repeat(201), 'at most 200 characters, this one 201'],
    ['half \ud83d of a pair', 'surrogate'],
  ])('cannot be %j', (text, reason) => {
    expect(() => parseValueKey(text)).toThrow(expect.objectContaining({ code: 'ARGUMENT_INVALID' }));
    expect(() => parseValueKey(text)).toThrow(reason);
  });
});
