import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { describeRestLocation, loginOfEnvironment, parseRestUrl } from './rest-location.ts';

const passwordOf = (login: { readonly password: { reveal(): Uint8Array } } | undefined): string | undefined =>
  login === undefined ? undefined : Buffer.from(login.password.reveal()).toString();

describe('a rest: URL', () => {
  it.each([
    ['rest:http://host:8000/', 'http://host:8000/', undefined],
    ['rest:https://host', 'https://host/', undefined],
    ['rest:https://host/a/b', 'https://host/a/b/', undefined],
    ['rest:http://[::1]:8000/r/', 'http://[::1]:8000/r/', undefined],
    ['rest:http+unix:///run/rest.sock:/repo/', 'http://localhost/repo/', '/run/rest.sock'],
    ['rest:http+unix:///run/rest.sock', 'http://localhost/', '/run/rest.sock'],
  ])('%s leads to %s', (url, base, socketPath) => {
    const location = parseRestUrl(url);
    expect(location.base.href).toBe(base);
    expect(location.socketPath).toBe(socketPath);
    expect(location.login).toBeUndefined();
  });

  it.each(['rest:https://ana:p%40ss@host/r/', 'rest:http+unix://ana:p%40ss@/run/s:/r/'])(
    '%s has a login that its description has not',
    (url) => {
      const location = parseRestUrl(url);
      expect(location.login?.user).toBe('ana');
      expect(passwordOf(location.login)).toBe('p@ss');
      expect(`${inspect(location, { depth: 9 })}${describeRestLocation(location)}`).not.toMatch(/p@ss|p%40ss/u);
    },
  );

  it.each([
    'rest:',
    'rest:host/path',
    'rest:ftp://s3cret@host/',
    'rest:http:///s3cret',
    'rest:https://u:s3cret@host/?x=1',
    'rest:https://u:s3cret@host/#x',
    'rest:https://u:%s3cret@host/',
    'rest:https://u:s3cret@host:99999/',
  ])('%s is refused without being repeated', (url) => {
    expect(() => parseRestUrl(url)).toThrow(
      expect.objectContaining({ code: 'STORAGE_URL_INVALID', message: expect.not.stringContaining('s3cret') }),
    );
  });
});

describe('the login of the environment', () => {
  it('is ours before that of restic', () => {
    const restic = { RESTIC_REST_USERNAME: 'r', RESTIC_REST_PASSWORD: 'restic' };
    expect(loginOfEnvironment(restic)?.user).toBe('r');
    const both = loginOfEnvironment({ ...restic, CAIRN_REST_USERNAME: 'c', CAIRN_REST_PASSWORD: 'cairn' });
    expect([both?.user, passwordOf(both)]).toEqual(['c', 'cairn']);
  });

  it('never mixes the two', () => {
    const mixed = loginOfEnvironment({ CAIRN_REST_USERNAME: 'c', RESTIC_REST_PASSWORD: 'restic' });
    expect([mixed?.user, passwordOf(mixed)]).toEqual(['c', '']);
  });
});
