import { hash } from 'bcryptjs';
import { describe, expect, it } from 'vitest';
import { utf8 } from '../../base/bytes.ts';
import { matchesHash, nobodysHash, parseHtpasswd } from './htpasswd.ts';

// `htpasswd -nbs ana secret` and `htpasswd -nbBC 4 ana secret` of Apache 2.4.
const SHA = 'ana:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=';

const matches = async (line: string, password: string): Promise<boolean> => {
  const parsed = parseHtpasswd(line, 'users').get('ana');
  return parsed !== undefined && matchesHash(utf8(password), parsed);
};

describe('a password', () => {
  it('matches its SHA-1 hash and no other does', async () => {
    expect(await matches(SHA, 'secret')).toBe(true);
    expect(await matches(SHA, 'Secret')).toBe(false);
  });

  it.each(['$2a$', '$2b$', '$2y$'])('matches its bcrypt hash of the kind %s and no other does', async (kind) => {
    const line = `ana:${(await hash('pässword', 4)).replace(/^\$2.\$/, kind)}`;
    expect(await matches(line, 'pässword')).toBe(true);
    expect(await matches(line, 'password')).toBe(false);
  });

  it('that is longer than bcrypt looks at matches nothing', async () => {
    const line = `ana:${await hash('x'.repeat(72), 4)}`;
    expect(await matches(line, 'x'.repeat(72))).toBe(true);
    expect(await matches(line, 'x'.repeat(73))).toBe(false);
  });

  it('of nobody costs what one of somebody does and matches nothing', async () => {
    const users = parseHtpasswd(`ana:${await hash('secret', 4)}`, 'users');
    const nobody = nobodysHash(users);
    expect(nobody).toMatchObject({ kind: 'bcrypt', text: expect.stringContaining('$04$') });
    expect(await matchesHash(utf8('secret'), nobody)).toBe(false);
  });
});

describe('the file', () => {
  it('may have comments, empty lines and fields after the hash', () => {
    const text = `# users\n\n${SHA}:Ana\r\n bob:${SHA.slice(4)}\n`;
    expect([...parseHtpasswd(text, 'users').keys()]).toEqual(['ana', 'bob']);
  });

  it.each([
    ['a hash of another kind', 'ana:$apr1$abcdefgh$1234567890123456789012'],
    ['a plain password', 'ana:hunter2secret'],
    ['a cut bcrypt hash', 'ana:$2y$10$abcdef'],
    ['a cut SHA-1', 'ana:{SHA}5en6G6Me'],
    ['an empty password', 'ana:'],
    ['a name that leads elsewhere', `..:${SHA.slice(4)}`],
    ['a name with a slash', `a/b:${SHA.slice(4)}`],
    ['an empty name', SHA.slice(3)],
    ['a user twice', `${SHA}\n${SHA}`],
    ['no user', '# nobody\n'],
  ])('with %s is refused, and the message has no part of a hash', (_, text) => {
    expect(() => parseHtpasswd(text, 'users')).toThrow(
      expect.objectContaining({
        code: 'CONFIG_INVALID',
        message: expect.not.stringMatching(/apr1|hunter2|2y|5en6/),
      }),
    );
  });
});
