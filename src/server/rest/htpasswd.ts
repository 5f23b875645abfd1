// The htpasswd file (Apache): `user:hash` per line, `#` begins a comment. Hashes are those that rest-server
// takes: bcrypt (`htpasswd -B`), and `{SHA}` + base64 of SHA-1 (`htpasswd -s`), which is unsalted and quick to guess.
import { createHash, timingSafeEqual } from 'node:crypto';
import { CairnError } from '../../base/errors.ts';

export type PasswordHash =
  | { readonly kind: 'bcrypt'; readonly text: string }
  | { readonly kind: 'sha1'; readonly digest: Uint8Array };

// bcrypt works on 72 bytes; restic's server has the same limit. Longer ones would be cut without a word.
const LONGEST_PASSWORD = 72;
const USER = /^[A-Za-z0-9@._-]{1,128}$/;
const BCRYPT = /^\$2[aby]\$(0[4-9]|[12]\d|3[01])\$[./A-Za-z0-9]{53}$/;
const SHA1_SIZE = 20;

/** Parses the text of the file at `path`, which errors name. Throws `CONFIG_INVALID`, without any part of a hash. */
export function parseHtpasswd(text: string, path: string): ReadonlyMap<string, PasswordHash> {
  const users = new Map<string, PasswordHash>();
  for (const [at, raw] of text.split('\n').entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const [user = '', hash = ''] = line.split(':');
    const fail = (what: string): CairnError => invalid(`${path}, line ${at + 1}: ${what}`);
    if (!isUserName(user)) throw fail('a user name has letters, digits and @ . _ - only');
    if (users.has(user)) throw fail(`the user ${user} is there twice`);
    const parsed = parseHash(hash);
    if (parsed === undefined) throw fail(`the password of ${user} is hashed in a way that is not supported`);
    users.set(user, parsed);
  }
  if (users.size === 0) throw invalid(`${path} names no user`);
  return users;
}

/** Whether a name may be a user: it becomes a folder where repositories are private. */
function isUserName(user: string): boolean {
  return USER.test(user) && !user.startsWith('.');
}

function parseHash(text: string): PasswordHash | undefined {
  if (BCRYPT.test(text)) return { kind: 'bcrypt', text };
  if (!text.startsWith('{SHA}')) return undefined;
  const digest = new Uint8Array(Buffer.from(text.slice('{SHA}'.length), 'base64'));
  return digest.length === SHA1_SIZE ? { kind: 'sha1', digest } : undefined;
}

/** Whether `password` has this hash; takes as long for a wrong one as for a right one. */
export async function matchesHash(password: Uint8Array, hash: PasswordHash): Promise<boolean> {
  switch (hash.kind) {
    case 'sha1':
      return timingSafeEqual(createHash('sha1').update(password).digest(), hash.digest);
    case 'bcrypt': {
      if (password.length > LONGEST_PASSWORD) return false;
      const { compare } = await import('bcryptjs');
      return compare(Buffer.from(password).toString('utf8'), hash.text);
    }
    default:
      return hash satisfies never;
  }
}

/** A hash that no password has, as costly as others: compared for users that do not exist, so that time does not tell. */
export function nobodysHash(users: ReadonlyMap<string, PasswordHash>): PasswordHash {
  const [first] = users.values();
  if (first?.kind !== 'bcrypt') return { kind: 'sha1', digest: new Uint8Array(SHA1_SIZE) };
  return { kind: 'bcrypt', text: `${first.text.slice(0, 29)}${'.'.repeat(31)}` };
}

function invalid(message: string): CairnError {
  return new CairnError('CONFIG_INVALID', message, {
    hint: 'Make entries with `htpasswd -B FILE USER` (bcrypt), as for rest-server.',
  });
}
