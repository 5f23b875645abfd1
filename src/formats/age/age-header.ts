// The header of an age file (age-encryption.org/v1): a line of its version, a stanza per recipient that holds the file
// key sealed for it, and a MAC. age-encryption knows the kinds of recipients; it is loaded when the first header is made
// or opened.
//
//   age-encryption.org/v1
//   -> X25519 …            arguments, then the body in base64, 64 columns
//   --- MAC                43 characters of base64
import { concatBytes, utf8 } from '../../base/bytes.ts';
import { CairnArgumentError, CairnError, isCairnError, messageOf } from '../../base/errors.ts';
import { refuseMiscopiedKey } from '../../base/generated-key.ts';
import type { Secret } from '../../base/secret.ts';
import { passphraseIdentity, passphraseRecipient } from './age-passphrase.ts';

/** For whom a file is sealed. Recipients are public keys such as `age1…`; whoever has one cannot read. */
export type AgeRecipients = { readonly passphrase: Secret } | { readonly recipients: readonly string[] };

/** What opens a file: a passphrase, or secret keys such as `AGE-SECRET-KEY-1…`. */
export type AgeIdentities = { readonly passphrase: Secret } | { readonly identities: readonly Secret[] };

const INTRO = 'age-encryption.org/v1\n';
/** Enough for hundreds of recipients. */
const MAX_HEADER_SIZE: number = 64 * 1024;

export interface AgeHeader {
  readonly bytes: Uint8Array;
  readonly fileKey: Uint8Array;
}

/** A new file key, sealed for these. Throws `ARGUMENT_INVALID` for a recipient that is none, and for a generated key with a slip in it. */
export async function makeAgeHeader(
  to: AgeRecipients,
  { workFactor }: { readonly workFactor?: number | undefined } = {},
): Promise<AgeHeader> {
  const { Encrypter, Stanza } = await import('age-encryption');
  const encrypter = new Encrypter();
  if ('passphrase' in to) {
    if (to.passphrase.isEmpty) throw new CairnArgumentError('the password of an archive or value cannot be empty');
    refuseMiscopiedKey(to.passphrase.reveal());
    encrypter.addRecipient(passphraseRecipient(to.passphrase, Stanza, workFactor));
  } else {
    if (to.recipients.length === 0) throw new CairnArgumentError('no recipient is given to encrypt to');
    for (const recipient of to.recipients) addRecipient(encrypter, recipient);
  }
  let fileKey: Uint8Array | undefined;
  // The library keeps the file key to itself; a recipient is told it, and this one adds no stanza.
  encrypter.addRecipient({
    wrapFileKey: (key) => {
      fileKey = Uint8Array.from(key);
      return [];
    },
  });
  const sealed = await encrypter.encrypt(new Uint8Array());
  const size = ageHeaderSize(sealed);
  if (fileKey === undefined || size === undefined) throw new CairnError('INTERNAL', 'age-encryption made no header');
  return { bytes: sealed.slice(0, size), fileKey };
}

function addRecipient(encrypter: { addRecipient(recipient: string): void }, recipient: string): void {
  try {
    encrypter.addRecipient(recipient);
  } catch (cause) {
    const shown = JSON.stringify(recipient.slice(0, 80));
    throw new CairnArgumentError(`${shown} is not a public key of age`, {
      hint: 'A public key begins with age1; `age-keygen -y FILE` prints it. Keys of SSH and of age plugins are not known here.',
      cause,
    });
  }
}

/**
 * The size of the header that these bytes begin with; `undefined` where they end before it does.
 * Throws `FORMAT_INVALID` where this is no age file.
 */
export function ageHeaderSize(bytes: Uint8Array): number | undefined {
  const intro = utf8(INTRO).subarray(0, bytes.length);
  if (Buffer.compare(bytes.subarray(0, intro.length), intro) !== 0) {
    throw new CairnError('FORMAT_INVALID', 'this does not begin as an age file does');
  }
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, MAX_HEADER_SIZE));
  const mac = buffer.indexOf('\n---');
  const end = mac < 0 ? -1 : buffer.indexOf('\n', mac + 1);
  if (end >= 0) return end + 1;
  if (bytes.length < MAX_HEADER_SIZE) return undefined;
  throw new CairnError('FORMAT_INVALID', `the header of this age file has no end in ${MAX_HEADER_SIZE} bytes`);
}

/** Whether a header is sealed for a passphrase or for keys. Nothing of it is verified. */
export function ageHeaderKind(header: Uint8Array): 'passphrase' | 'recipients' {
  return Buffer.from(header).includes('\n-> scrypt ') ? 'passphrase' : 'recipients';
}

/**
 * The file key. Throws `PASSWORD_WRONG` or `IDENTITY_WRONG`; `PASSWORD_MISSING` or `IDENTITY_MISSING` where the file
 * is sealed for the other kind; `FORMAT_INVALID` or `SEAL_BROKEN` where the header is not one that age writes.
 */
export async function openAgeHeader(header: Uint8Array, using: AgeIdentities): Promise<Uint8Array> {
  const kind = ageHeaderKind(header);
  const { Decrypter } = await import('age-encryption');
  const decrypter = new Decrypter();
  if ('passphrase' in using) {
    if (kind === 'recipients') throw identityMissing();
    decrypter.addIdentity(passphraseIdentity(using.passphrase));
  } else {
    if (kind === 'passphrase') throw passwordMissing();
    for (const identity of using.identities) addIdentity(decrypter, identity);
  }
  try {
    return await decrypter.decryptHeader(header);
  } catch (error) {
    throw headerError(error, kind);
  }
}

function addIdentity(decrypter: { addIdentity(identity: string): void }, identity: Secret): void {
  try {
    decrypter.addIdentity(Buffer.from(identity.reveal()).toString('latin1'));
  } catch {
    // No cause: the text of the library's error may hold what it was given.
    throw new CairnArgumentError('an identity is not a secret key of age', {
      hint: 'A secret key begins with AGE-SECRET-KEY-1; `age-keygen` makes one. Keys of SSH and of age plugins are not known here.',
    });
  }
}

function headerError(error: unknown, kind: 'passphrase' | 'recipients'): unknown {
  if (isCairnError(error)) return error;
  const text = messageOf(error);
  if (text.includes('no identity matched')) {
    if (kind === 'passphrase') return new CairnError('PASSWORD_WRONG', 'the password does not open this age file');
    return new CairnError('IDENTITY_WRONG', 'none of the given identities opens this age file', {
      hint: 'Give the secret key that belongs to one of the public keys it was encrypted to.',
    });
  }
  if (text.includes('HMAC')) {
    return new CairnError('SEAL_BROKEN', 'the header of this age file is not what was written', { cause: error });
  }
  return new CairnError('FORMAT_INVALID', 'the header of this age file breaks the rules of age', { cause: error });
}

function identityMissing(): CairnError {
  return new CairnError('IDENTITY_MISSING', 'this age file is encrypted to public keys, so no password opens it', {
    hint: 'Give the file of the secret key with --identity (in code: `identities`).',
  });
}

function passwordMissing(): CairnError {
  return new CairnError('PASSWORD_MISSING', 'this age file is encrypted with a password, so no identity opens it', {
    hint: 'Give the password instead of the identity.',
  });
}

/** Header and nonce, as a file begins. */
export function ageFileStart(header: AgeHeader, nonce: Uint8Array): Uint8Array {
  return concatBytes([header.bytes, nonce]);
}
