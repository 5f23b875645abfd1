// Values are encrypted as age files, each for itself: who has a value's password need not have the vault's.
import { CairnArgumentError, CairnError, isCairnError } from '../base/errors.ts';
import { Secret } from '../base/secret.ts';
import { openAge, sealAge } from '../formats/age/age-file.ts';
import { ageHeaderKind, type AgeIdentities, type AgeRecipients } from '../formats/age/age-header.ts';
import type { ValueKey } from './value-key.ts';

/** A password, or how to get it; a function is called only when it is known to be needed. */
export type ValuePassword = Secret | string | (() => Promise<Secret>);

/** For whom a value is encrypted: for nobody where neither is given. */
export interface ValueSealOptions {
  readonly password?: ValuePassword | undefined;
  /** Public keys of age (`age1…`): whoever has one can write and not read. */
  readonly recipients?: readonly string[] | undefined;
}

/** What opens encrypted values; not needed for others. */
export interface ValueUnsealOptions {
  readonly password?: ValuePassword | undefined;
  /** Secret keys of age, for values that were encrypted to recipients. */
  readonly identities?: readonly (Secret | string)[] | undefined;
}

/** `undefined` where the value is not to be encrypted. Throws `ARGUMENT_INVALID`. */
export async function sealFor({ password, recipients }: ValueSealOptions): Promise<AgeRecipients | undefined> {
  if (recipients !== undefined && password !== undefined) {
    throw new CairnArgumentError('a value is encrypted with a password or to recipients, not both', {
      hint: 'age allows no other recipient beside a passphrase. Give one of the two.',
    });
  }
  if (recipients !== undefined) return { recipients };
  return password === undefined ? undefined : { passphrase: await secretOf(password) };
}

/** `workFactor`: the cost of a password; lowered by tests only. */
export function seal(plain: Uint8Array, to: AgeRecipients, workFactor: number | undefined): Promise<Uint8Array> {
  return sealAge(plain, to, workFactor === undefined ? {} : { workFactor });
}

/**
 * Throws `PASSWORD_WRONG`, `PASSWORD_MISSING`, `IDENTITY_WRONG`, `IDENTITY_MISSING`; what openAge throws where the file is
 * damaged.
 */
export async function unseal(key: ValueKey, sealed: Uint8Array, options: ValueUnsealOptions): Promise<Uint8Array> {
  const kind = ageHeaderKind(sealed);
  try {
    return await openAge(sealed, await openingFor(key, kind, options));
  } catch (error) {
    const isAboutKeys = isCairnError(error) && (error.code === 'PASSWORD_WRONG' || error.code === 'IDENTITY_WRONG');
    if (!isAboutKeys) throw error;
    const what = kind === 'passphrase' ? 'the password does not open' : 'none of the identities opens';
    const hint = 'A value has a password or keys of its own, not those of the vault: give those it was set with.';
    throw new CairnError(error.code, `${what} the value of ${JSON.stringify(key)}`, {
      hint,
      cause: error,
      facts: { key },
    });
  }
}

async function openingFor(
  key: ValueKey,
  kind: 'passphrase' | 'recipients',
  { password, identities }: ValueUnsealOptions,
): Promise<AgeIdentities> {
  if (kind === 'passphrase') {
    if (password !== undefined) return { passphrase: await secretOf(password) };
    throw new CairnError('PASSWORD_MISSING', `the value of ${JSON.stringify(key)} is encrypted with a password`, {
      hint: 'Give the password it was set with (in code: `password`).',
      facts: { key },
    });
  }
  if (identities !== undefined) return { identities: identities.map(asSecret) };
  throw new CairnError('IDENTITY_MISSING', `the value of ${JSON.stringify(key)} is encrypted to public keys`, {
    hint: 'Give the file of the secret key with --identity (in code: `identities`).',
    facts: { key },
  });
}

async function secretOf(password: ValuePassword): Promise<Secret> {
  const secret = typeof password === 'function' ? await password() : asSecret(password);
  if (secret.isEmpty) throw new CairnArgumentError('the password of a value cannot be empty');
  return secret;
}

function asSecret(text: Secret | string): Secret {
  return typeof text === 'string' ? new Secret(text) : text;
}
