// The scrypt stanza of an age header: `-> scrypt SALT LOG2N`, whose body is the file key, sealed under
// scrypt(passphrase, "age-encryption.org/v1/scrypt" + salt, N, r = 8, p = 1) with ChaCha20-Poly1305 and a nonce of zeros.
// Done here and not by age-encryption because its scrypt blocks the thread for seconds.
import { createCipheriv, createDecipheriv, randomBytes, scrypt } from 'node:crypto';
import { promisify } from 'node:util';
import type { Identity, Recipient, Stanza } from 'age-encryption';
import { concatBytes, utf8 } from '../../base/bytes.ts';
import { CairnError } from '../../base/errors.ts';
import { isGeneratedKey } from '../../base/generated-key.ts';
import type { Secret } from '../../base/secret.ts';

const LABEL = utf8('age-encryption.org/v1/scrypt');
const SALT_SIZE = 16;
const TAG_SIZE = 16;
const FILE_KEY_SIZE = 16;
const BLOCK_SIZE = 8;

/** What the `age` program writes: a quarter of a gigabyte of memory and about a second. */
const PASSWORD_WORK_FACTOR = 18;
/** For a random 256-bit password, which nobody can guess: a megabyte, and 2 ms. */
const GENERATED_KEY_WORK_FACTOR = 10;
/** A hostile file must not be able to exhaust the machine: 20 takes a gigabyte. */
const MAX_WORK_FACTOR = 20;

type StanzaMaker = new (args: string[], body: Uint8Array) => Stanza;

/** `workFactor` is the cost as a power of two; by default what the passphrase needs. */
export function passphraseRecipient(
  passphrase: Secret,
  stanza: StanzaMaker,
  workFactor: number = workFactorFor(passphrase),
): Recipient {
  return {
    wrapFileKey: async (fileKey) => {
      const salt = randomBytes(SALT_SIZE);
      const key = await deriveKey(passphrase, salt, workFactor);
      const cipher = createCipheriv('chacha20-poly1305', key, new Uint8Array(12), { authTagLength: TAG_SIZE });
      const sealed = cipher.update(fileKey);
      cipher.final();
      const args = ['scrypt', encodeBare(salt), String(workFactor)];
      return [new stanza(args, concatBytes([sealed, cipher.getAuthTag()]))];
    },
  };
}

function workFactorFor(passphrase: Secret): number {
  return isGeneratedKey(passphrase.reveal()) ? GENERATED_KEY_WORK_FACTOR : PASSWORD_WORK_FACTOR;
}

/** Gives no key where the passphrase is wrong; throws `FORMAT_INVALID` for a stanza that breaks the rules. */
export function passphraseIdentity(passphrase: Secret): Identity {
  return {
    unwrapFileKey: async (stanzas) => {
      const found = stanzas.find(({ args }) => args[0] === 'scrypt');
      if (found === undefined) return null;
      // "A scrypt stanza must be the only one": anything else would let others than those who know it read along.
      if (stanzas.length !== 1) throw invalid('a passphrase beside other recipients');
      const { salt, workFactor } = parseArguments(found.args);
      return openFileKey(found.body, await deriveKey(passphrase, salt, workFactor));
    },
  };
}

function parseArguments(args: readonly string[]): { readonly salt: Uint8Array; readonly workFactor: number } {
  const [, saltText = '', workText = ''] = args;
  const salt = Buffer.from(saltText, 'base64');
  if (args.length !== 3 || salt.length !== SALT_SIZE || encodeBare(salt) !== saltText) throw invalid('its salt');
  if (!/^[1-9]\d?$/u.test(workText)) throw invalid('its work factor');
  const workFactor = Number(workText);
  if (workFactor > MAX_WORK_FACTOR) {
    throw new CairnError('FORMAT_INVALID', `the passphrase of this age file asks for a work factor of ${workFactor}`, {
      hint: `That would take ${2 ** (workFactor - 20)} GiB of memory. If you trust the file, open it with \`age -d\`.`,
      facts: { workFactor, maximum: MAX_WORK_FACTOR },
    });
  }
  return { salt, workFactor };
}

function openFileKey(body: Uint8Array, key: Uint8Array): Uint8Array | null {
  if (body.length !== FILE_KEY_SIZE + TAG_SIZE) throw invalid('its sealed key');
  const decipher = createDecipheriv('chacha20-poly1305', key, new Uint8Array(12), { authTagLength: TAG_SIZE });
  decipher.setAuthTag(Buffer.from(body.subarray(FILE_KEY_SIZE)));
  const fileKey = decipher.update(body.subarray(0, FILE_KEY_SIZE));
  try {
    decipher.final();
  } catch {
    return null;
  }
  return Uint8Array.from(fileKey);
}

const scryptAsync = promisify<Uint8Array, Uint8Array, number, object, Buffer>(scrypt);

async function deriveKey(passphrase: Secret, salt: Uint8Array, workFactor: number): Promise<Uint8Array> {
  const N = 2 ** workFactor;
  // Node refuses by default what takes more than 32 MiB; scrypt takes 128 · N · r, and a little.
  const maxmem = 128 * N * BLOCK_SIZE + 1024 * 1024;
  return scryptAsync(passphrase.reveal(), concatBytes([LABEL, salt]), 32, { N, r: BLOCK_SIZE, p: 1, maxmem });
}

function encodeBare(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64').replaceAll('=', '');
}

function invalid(what: string): CairnError {
  return new CairnError('FORMAT_INVALID', `the header of this age file breaks the rules of age: ${what}`);
}
