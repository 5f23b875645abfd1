import { describe, expect, it } from 'vitest';
import { parseExpiresIn, signUrl, type ValueUrlMethod, verifyUrl } from './signed-url.ts';
import { parseValueKey } from './value-key.ts';
import { versionObject } from './value-name.ts';

const signingKey = new Uint8Array(32).fill(7);
const form = { checksum: '0123456789abcdef', compressed: true, encrypted: false };
const object = versionObject(parseValueKey('app/Settings ?&#ä'), { ...form, stamp: { timeMs: 0, number: 2 } });
const nowMs = 1_000_000_000_000;
const expires = nowMs / 1000 + 60;

function sign(base = 'https://backup.example.org/', method: ValueUrlMethod = 'GET'): URL {
  return new URL(signUrl(signingKey, { base, object, method, expires }));
}

function verify(url: URL, { method = 'GET', at = nowMs, key = signingKey, below = '' } = {}): string | undefined {
  const request = { path: url.pathname.slice(below.length), query: url.search.slice(1), method };
  return verifyUrl(key, request, at)?.object;
}

function changed(change: (url: URL) => void): URL {
  const url = sign();
  change(url);
  return url;
}

describe('a signed URL', () => {
  it('B55: means its object, whatever the key holds', () => {
    expect(verify(sign())).toBe(object);
  });

  it('works below the path that a proxy takes away', () => {
    const url = sign('https://example.org/files/kv');
    expect(url.pathname).toMatch(/^\/files\/kv\/values\//);
    expect(verify(url, { below: '/files/kv' })).toBe(object);
  });

  it('B55: is good until it expires, to the second', () => {
    expect(verify(sign(), { at: expires * 1000 - 1 })).toBe(object);
    expect(verify(sign(), { at: expires * 1000 })).toBeUndefined();
  });

  it('is for its method only', () => {
    expect(verify(sign(), { method: 'HEAD' })).toBeUndefined();
    expect(verify(sign(), { method: 'DELETE' })).toBeUndefined();
    expect(verify(sign(undefined, 'HEAD'), { method: 'HEAD' })).toBe(object);
    const renamed = changed((url) => url.searchParams.set('method', 'HEAD'));
    expect(verify(renamed, { method: 'HEAD' })).toBeUndefined();
  });

  it.each([
    ['another key', (url: URL) => void (url.pathname = url.pathname.replace('app', 'abb'))],
    ['a later expiry', (url: URL) => url.searchParams.set('expires', String(expires + 1))],
    ['no expiry', (url: URL) => url.searchParams.delete('expires')],
    ['two expiries', (url: URL) => url.searchParams.append('expires', String(expires + 1))],
    ['no signature', (url: URL) => url.searchParams.delete('signature')],
    ['an empty signature', (url: URL) => url.searchParams.set('signature', '')],
    ['a part of its signature', (url: URL) => url.searchParams.set('signature', 'AAAA')],
    ['something more', (url: URL) => url.searchParams.set('x', '1')],
    ['a path out of the shelf', (url: URL) => void (url.pathname = '/config')],
    ['a path that goes up', (url: URL) => void (url.pathname = '/values/%2e%2e%2fconfig')],
    ['a broken escape', (url: URL) => void (url.pathname = '/values/%E0%A4%A')],
  ])('is refused with %s', (_, change) => {
    expect(verify(changed(change))).toBeUndefined();
  });

  it('is refused where every bit of its signature but one is right', () => {
    const given = Buffer.from(sign().searchParams.get('signature') ?? '', 'base64url');
    for (let bit = 0; bit < given.length * 8; bit++) {
      const flipped = Buffer.from(given);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const url = changed(({ searchParams }) => searchParams.set('signature', flipped.toString('base64url')));
      expect(verify(url)).toBeUndefined();
    }
  });

  it('is refused by another vault', () => {
    expect(verify(sign(), { key: new Uint8Array(32).fill(8) })).toBeUndefined();
  });

  it.each(['config', 'values/k/20261125T233000.000Z.deleted', 'values/K/x'])('never reaches %s', (name) => {
    const url = new URL(signUrl(signingKey, { base: 'http://localhost', object: name, method: 'GET', expires }));
    expect(verify(url)).toBeUndefined();
  });

  it.each(['ftp://x/', 'backup.example.org', 'https://user:pass@x/', 'https://x/?a=1', ''])(
    'has no base such as %j',
    (base) => {
      expect(() => sign(base)).toThrow(expect.objectContaining({ code: 'ARGUMENT_INVALID' }));
    },
  );
});

describe('the time of a URL', () => {
  it.each([0, -1, 1.5, 604_801, Number.NaN, Number.POSITIVE_INFINITY])('is not %d seconds', (seconds) => {
    expect(() => parseExpiresIn(seconds)).toThrow(expect.objectContaining({ code: 'ARGUMENT_INVALID' }));
  });

  it.each([1, 604_800])('may be %d seconds', (seconds) => {
    expect(parseExpiresIn(seconds)).toBe(seconds);
  });
});
