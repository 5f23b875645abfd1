import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { joinUrls, mirrorUrls } from './mirror-url.ts';

describe('mirror addresses', () => {
  it.each([
    ['mirror:/a,s3://bucket/b', ['/a', 's3://bucket/b']],
    ['mirror:/with\\,comma,/b', ['/with,comma', '/b']],
    ['MIRROR:/a', ['/a']],
    ['mirror:', []],
    ['/a,b', undefined],
    ['s3://mirror:x', undefined],
  ])('%s names %j', (url, urls) => {
    expect(mirrorUrls(url)).toEqual(urls);
  });

  it('flatten mirrors among them', () => {
    expect(joinUrls(['mirror:/a,/b', '/c'])).toBe('mirror:/a,/b,/c');
  });

  it('give back what was joined', () => {
    const url = fc.string({ minLength: 1 }).filter((text) => !text.endsWith('\\') && mirrorUrls(text) === undefined);
    fc.assert(
      fc.property(fc.array(url, { minLength: 2, maxLength: 4 }), (urls) => {
        expect(mirrorUrls(joinUrls(urls))).toEqual(urls);
      }),
    );
  });
});
