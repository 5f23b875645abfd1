import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonValue } from './go-json.ts';
import { encodeJson, parseJson, quoteJsonBytes, quoteJsonString } from './go-json.ts';

const parse = (text: string): JsonValue => parseJson(Buffer.from(text));
const u64 = fc.bigInt(2n ** 53n, 2n ** 64n - 1n);
/** Whether `value`, written as JSON, looks like an integer beyond 2^53, which comes back as bigint. */
const comesAsBigint = (value: number): boolean =>
  Number.isInteger(value) && !Number.isSafeInteger(value) && !String(value).includes('e');
const json = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    fc.constantFrom(null, true, false),
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true }).filter((value) => !comesAsBigint(value)),
    u64,
    fc.string({ unit: 'binary' }),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.string(), tie('value'), { maxKeys: 4, noNullPrototype: true }),
  ),
})).value;

function works(parser: () => unknown): boolean {
  try {
    parser();
    return true;
  } catch {
    return false;
  }
}

describe('quoteJsonString', () => {
  it.each([
    ['plain ä 日本', '"plain ä 日本"'],
    ['"\\', String.raw`"\"\\"`],
    ['\n\r\t\b\f', String.raw`"\n\r\t\b\f"`],
    ['\u0000\u001f\u007f', '"\\u0000\\u001f\u007f"'],
    ['<&>', String.raw`"\u003c\u0026\u003e"`],
    ['\u2028\u2029', String.raw`"\u2028\u2029"`],
    ['a\ud800b', String.raw`"a\ufffdb"`],
    ['\u{1f600}', '"\u{1f600}"'],
  ])('writes %j as Go does', (text, quoted) => {
    expect(quoteJsonString(text)).toBe(quoted);
  });
});

describe('quoteJsonBytes', () => {
  it('writes each byte that is not UTF-8 as an escaped U+FFFD', () => {
    expect(quoteJsonBytes(Buffer.from('61ffc3a4e282', 'hex'))).toBe(String.raw`"a\ufffdä\ufffd\ufffd"`);
  });

  it('leaves a real U+FFFD as it is', () => {
    expect(quoteJsonBytes(Buffer.from('\ufffd'))).toBe('"\ufffd"');
  });
});

describe('parseJson', () => {
  it('reads back what encodeJson wrote', () => {
    fc.assert(
      fc.property(json, (value) => {
        expect(parse(encodeJson(value))).toEqual(value);
      }),
    );
  });

  it('reads what JSON.parse reads', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(0, 1, 2), (value, indent) => {
        const text = JSON.stringify(value, undefined, indent);
        // Not BigInt(item): that has digits which the shortest form of the double leaves out.
        const expected: unknown = JSON.parse(text, (_key, item: unknown) =>
          typeof item === 'number' && comesAsBigint(item) ? BigInt(String(item)) : item,
        );
        expect(parse(text)).toEqual(expected);
      }),
    );
  });

  it('accepts exactly what JSON.parse accepts', () => {
    const snippet = fc.stringMatching(/^[-+0-9.eE[\]{},:"truefalsn\\ ]{0,12}$/);
    fc.assert(
      fc.property(snippet, (text) => {
        expect(works(() => parse(text))).toBe(works(() => JSON.parse(text)));
      }),
      { numRuns: 3000 },
    );
  });

  it('keeps 64-bit integers exact', () => {
    expect(parse('[18446744073709551615,9007199254740991,9007199254740993]')).toEqual([
      18_446_744_073_709_551_615n,
      9_007_199_254_740_991,
      9_007_199_254_740_993n,
    ]);
  });

  it('reads lone surrogates and broken UTF-8 as U+FFFD', () => {
    expect(parseJson(Buffer.concat([Buffer.from('["\\ud800","'), Buffer.from([0xff]), Buffer.from('"]')]))).toEqual([
      '\ufffd',
      '\ufffd',
    ]);
  });

  it('reads a member called __proto__ as a member', () => {
    expect(Object.keys(parse('{"__proto__":1}') as object)).toEqual(['__proto__']);
  });

  it('takes the last of equal keys', () => {
    expect(parse('{"a":1,"a":2}')).toEqual({ a: 2 });
  });

  it.each(['', '{', '[1', '01', '1.', '"a', '"\n"', '"\\x"', '"\\u12"', 'nul', '1 2', '[1,]', '1e999', 'é'])(
    'refuses %j',
    (text) => {
      expect(() => parse(text)).toThrow(expect.objectContaining({ code: 'FORMAT_INVALID' }));
    },
  );

  it('refuses deep nesting with an error of its own', () => {
    expect(() => parse('['.repeat(100_000))).toThrow(expect.objectContaining({ code: 'FORMAT_INVALID' }));
  });
});

describe('encodeJson', () => {
  it('refuses what JSON cannot say', () => {
    expect(() => encodeJson(Number.NaN)).toThrow(RangeError);
  });
});
