import { describe, expect, it } from 'vitest';
import { Secret } from '../../base/secret.ts';
import { Redactor } from './redactor.ts';

const redactor = new Redactor();

describe('Redactor', () => {
  const secret = 'p@ss/w ö"rd+1';
  it.each([
    ['as it is', secret],
    ['in a URL', encodeURIComponent(secret)],
    ['in a form', new URLSearchParams({ a: secret }).toString()],
    ['in JSON', JSON.stringify({ a: secret })],
    ['in Base64', Buffer.from(secret).toString('base64')],
    ['in the middle of a word', `x${secret}y`],
  ])('takes out a known secret %s', (_, text) => {
    const clean = new Redactor([new Secret(secret)]).text(`it said ${text} and ended`);
    expect(clean).toContain('[redacted]');
    for (const form of [secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1)]) {
      expect(clean).not.toContain(form);
    }
    expect(clean).toContain('and ended');
  });

  it.each([
    ['in a URL of another writer', 'p%40ss%2fw%20%c3%b6%22rd%2b1'],
    ['in a URL that escapes letters too', Array.from(Buffer.from(secret), (byte) => `%${byte.toString(16)}`).join('')],
    ['in JSON of another writer', 'p@ss\\/w \\u00f6\\"rd+1'],
    ['in JSON inside of JSON', JSON.stringify(JSON.stringify({ a: secret }))],
    ['in HTML', 'p@ss/w ö&quot;rd+1'],
    ['in a shell', `p@ss/w ö\\"rd+1`],
    ['in hexadecimal', Buffer.from(secret).toString('hex')],
    ['in hexadecimal, large', Buffer.from(secret).toString('hex').toUpperCase()],
    ['over two lines', `${secret.slice(0, 6)}\n${secret.slice(6)}`],
    ['over two lines that are indented', `${secret.slice(0, 6)}\r\n    ${secret.slice(6)}`],
    ['in Base64 behind one byte', Buffer.from(`:${secret}`).toString('base64')],
    ['in Base64 behind two bytes', Buffer.from(`u:${secret}`).toString('base64')],
    ['in Base64 of a login', Buffer.from(`user:${secret} and more`).toString('base64url')],
    ['in Base64 over two lines', Buffer.from(secret).toString('base64').replace(/^.{8}/u, '$&\n')],
  ])('takes out a known secret %s', (_, text) => {
    const clean = new Redactor([new Secret(secret)]).knownOnly(`it said ${text} and ended`);
    expect(clean).toContain('[redacted]');
    expect(clean).toContain('and ended');
    // Of Base64, what stands beside the secret in its first and last character may stay.
    expect(clean.length).toBeLessThan('it said [redacted] and ended'.length + 24);
  });

  it('does not take a short line of a long secret for one', () => {
    expect(new Redactor(['a\nlong enough line\n']).text('a file with a long enough line')).toBe(
      'a file with a [redacted]',
    );
  });

  it('takes out the longer of two secrets of which one begins the other', () => {
    expect(new Redactor(['hunter', 'hunter22']).text('is hunter22!')).toBe('is [redacted]!');
  });

  it('takes out each line of a secret of several', () => {
    expect(new Redactor(['first-line\nsecond-line\n']).text('read second-line')).toBe('read [redacted]');
  });

  it('takes out a very short secret as a word, and leaves other words alone', () => {
    expect(new Redactor(['ab']).text('tab ab cab')).toBe('tab [redacted] cab');
  });

  it.each([
    ['postgres://app:s3cr3t@db/main', 'postgres://app:[redacted]@db/main'],
    ['sftp://me@host/path', 'sftp://me@host/path'],
    ['https://ghp_token@github.com/x', 'https://[redacted]@github.com/x'],
    ['mysql://a:p@ss@host/x', 'mysql://a:[redacted]@host/x'],
    ['s3: X-Amz-Signature=abcdef0123&x=1', 's3: X-Amz-Signature=[redacted]&x=1'],
    ['PGPASSWORD=hunter2 pg_dump', 'PGPASSWORD=[redacted] pg_dump'],
    ['{"token": "abc def"}', '{"token": [redacted]}'],
    ['Authorization: Bearer abc.def', 'Authorization: Bearer [redacted]'],
    ['mysqldump --password hunter2 db', 'mysqldump --password [redacted] db'],
    [
      'POST https://hooks.slack.com/services/T0/B0/xyz failed',
      'POST https://hooks.slack.com/services/[redacted] failed',
    ],
    ['https://discord.com/api/webhooks/1/abc', 'https://discord.com/api/webhooks/[redacted]'],
    ['https://api.telegram.org/bot123:ABC-d_e/sendMessage', 'https://api.telegram.org/bot[redacted]/sendMessage'],
    ['AGE-SECRET-KEY-1QQQQ', '[redacted]'],
  ])('takes out what looks like a secret in %s', (text, clean) => {
    expect(redactor.text(text)).toBe(clean);
  });

  it('takes out a private key, also one that is cut', () => {
    expect(redactor.text('a -----BEGIN OPENSSH PRIVATE KEY-----\nabc\ndef')).toBe('a [redacted]');
  });

  it.each([
    'no such file: /srv/data/token.txt',
    'basic authentication failed',
    'the key 3f2a was removed',
    "Access denied for user 'a' (using password: YES)",
  ])('leaves ordinary words alone: %s', (text) => {
    expect(redactor.text(text)).toBe(text);
  });

  it('goes through data, and keeps dates and numbers', () => {
    const data = { at: new Date(0), count: 3, list: [{ text: 'a hunter22 b' }] };
    expect(new Redactor(['hunter22']).data(data)).toEqual({
      at: new Date(0),
      count: 3,
      list: [{ text: 'a [redacted] b' }],
    });
  });
});
