// A password that nobody has to remember: `cairn-key-` and, as base64url, 32 random bytes with a checksum behind them. For
// restic and age it is a password as any other. The checksum tells it from what a person has thought of, which needs
// stretching, and from a copy with a slip in it.
import { createHash, randomBytes } from 'node:crypto';
import { CairnArgumentError } from './errors.ts';

const PREFIX = 'cairn-key-';
const RANDOM_SIZE = 32;
const CHECK_SIZE = 4;
const FORM = /^cairn-key-[\w-]{48}$/u;

/** A new one, as text. Its 256 random bits are beyond guessing, however cheap a guess is. */
export function generateKey(): string {
  const random = randomBytes(RANDOM_SIZE);
  return PREFIX + Buffer.concat([random, checkOf(random)]).toString('base64url');
}

/** Whether `generateKey` made this password: by accident no other is so in four billion tries. */
export function isGeneratedKey(password: Uint8Array): boolean {
  const text = textOf(password);
  if (!FORM.test(text)) return false;
  const bytes = Buffer.from(text.slice(PREFIX.length), 'base64url');
  return checkOf(bytes.subarray(0, RANDOM_SIZE)).equals(bytes.subarray(RANDOM_SIZE));
}

/** Whether it was meant to be such a key, and a character is missing or wrong. */
export function isMiscopiedKey(password: Uint8Array): boolean {
  return textOf(password).toLowerCase().startsWith(PREFIX) && !isGeneratedKey(password);
}

/**
 * Throws `ARGUMENT_INVALID` for such a key with a slip in it. For whatever is about to be encrypted with a new password: the
 * copy that was saved elsewhere would not open it.
 */
export function refuseMiscopiedKey(password: Uint8Array): void {
  if (!isMiscopiedKey(password)) return;
  throw new CairnArgumentError('the password begins as a generated key, and a character of it is missing or wrong', {
    hint: `Copy it again from where you have saved it. A password of your own may not begin with \`${PREFIX}\`.`,
  });
}

function checkOf(random: Uint8Array): Buffer {
  return createHash('sha256').update(PREFIX).update(random).digest().subarray(0, CHECK_SIZE);
}

function textOf(password: Uint8Array): string {
  return Buffer.from(password.buffer, password.byteOffset, password.byteLength).toString('latin1');
}
