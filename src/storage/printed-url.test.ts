import { describe, expect, it } from 'vitest';
import { withoutPassword } from './printed-url.ts';

describe('an address that is printed', () => {
  it.each([
    ['rest:https://ann:secret@host/vault/', 'rest:https://ann:[redacted]@host/vault/'],
    ['rest:https://:secret@host/vault/', 'rest:https://:[redacted]@host/vault/'],
    ['rest:https://ann:sec/ret@host/vault/', 'rest:https://ann:[redacted]@host/vault/'],
    ['rest:https://ann:sec#ret?@host/vault/', 'rest:https://ann:[redacted]@host/vault/'],
    ['rest:https://ann:se@cret@host/vault/', 'rest:https://ann:[redacted]@host/vault/'],
    ['rest:http+unix://ann:secret/run/rest.sock:/vault/', 'rest:http+unix://ann:secret/run/rest.sock:/vault/'],
    ['rest:http+unix://ann:secret@/run/rest.sock:/vault/', 'rest:http+unix://ann:[redacted]@/run/rest.sock:/vault/'],
    ['s3://bucket/x?endpoint=http://key:secret@host', 's3://bucket/x?endpoint=http://key:[redacted]@host'],
    [
      'mirror:rest:https://a:secret@one/x/,rest:https://b:sec\\,ret@two/x/',
      'mirror:rest:https://a:[redacted]@one/x/,rest:https://b:[redacted]@two/x/',
    ],
  ])('has no password: %s', (url, printed) => {
    expect(withoutPassword(url)).toBe(printed);
  });

  it.each([
    '/srv/vault',
    'rest:https://ann@host/vault/',
    'rest:http://host:8000/ann@home/',
    'sftp://ann@host:22//srv/vault',
    'sftp:ann@host:/srv/vault',
    's3://bucket/a:b@c',
    'mirror:/one\\,1,/two',
  ])('is as it was: %s', (url) => {
    expect(withoutPassword(url)).toBe(url);
  });
});
