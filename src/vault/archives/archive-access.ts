// What opens and seals archives: the password of the vault, another one, or keys of age.
import { CairnArgumentError, CairnError, hasCode } from '../../base/errors.ts';
import type { Secret } from '../../base/secret.ts';
import type { AgeIdentities, AgeRecipients } from '../../formats/age/age-header.ts';
import type { AskIdentities } from '../../archives/read/open-archive.ts';

/** What opens an archive that is encrypted. */
export interface ArchiveKeys {
  /** The password of the archive, where it has its own; by default that of the vault. */
  readonly password?: Secret | undefined;
  /** Secret keys of age, for archives that were encrypted to public ones. */
  readonly identities?: readonly Secret[] | undefined;
  /** Bytes that an archive may become; by default what its sidecar says. */
  readonly maxBytes?: number | undefined;
}

export interface SealOptions {
  /** Public keys of age: whoever has one of their secret keys can open it, and this machine cannot. */
  readonly recipients?: readonly string[] | undefined;
  /** A password of its own; by default that of the vault. */
  readonly password?: Secret | undefined;
  /** `false`: everybody who may read the storage can read it. */
  readonly encrypt?: boolean | undefined;
}

/** For whom to encrypt; `undefined` for nobody. Throws `ARGUMENT_INVALID`, and `PASSWORD_MISSING` where there is no password. */
export function sealFor(options: SealOptions, vaultPassword: Secret | undefined): AgeRecipients | undefined {
  const { recipients = [], password, encrypt = true } = options;
  if (!encrypt && (recipients.length > 0 || password !== undefined)) {
    throw new CairnArgumentError('an archive that is not encrypted has neither recipients nor a password');
  }
  if (recipients.length > 0 && password !== undefined) {
    throw new CairnArgumentError('an archive is encrypted to recipients or with a password, not both', {
      hint: 'An age file with a password can have no other recipients.',
    });
  }
  if (!encrypt) return undefined;
  if (recipients.length > 0) return { recipients };
  const passphrase = password ?? vaultPassword;
  if (passphrase !== undefined) return { passphrase };
  throw new CairnError('PASSWORD_MISSING', 'there is no password to encrypt the archive with', {
    hint: 'Give recipients (--recipient), or open the vault with its password.',
  });
}

export function askKeys(keys: ArchiveKeys, vaultPassword: Secret | undefined): AskIdentities {
  return async (kind): Promise<AgeIdentities> => {
    if (kind === 'passphrase') {
      const passphrase = keys.password ?? vaultPassword;
      if (passphrase !== undefined) return { passphrase };
      throw new CairnError('PASSWORD_MISSING', 'the archive is encrypted with a password, and none is given');
    }
    if (keys.identities !== undefined && keys.identities.length > 0) return { identities: keys.identities };
    throw new CairnError('IDENTITY_MISSING', 'the archive is encrypted to public keys, so no password opens it', {
      hint: 'Give the file of the secret key with --identity (in code: `identities`).',
    });
  };
}

/** Which archive it was, and why the password of a vault may not open one of its archives. */
export function describeKeyError(error: unknown, archive: string): unknown {
  const isAboutKeys = ['PASSWORD_WRONG', 'PASSWORD_MISSING', 'IDENTITY_WRONG', 'IDENTITY_MISSING'] as const;
  const code = isAboutKeys.find((candidate) => hasCode(error, candidate));
  if (code === undefined || !(error instanceof CairnError)) return error;
  const hint =
    code === 'PASSWORD_WRONG'
      ? 'An archive keeps the password that the vault had when it was made; give that one with --archive-password-file (in code: `password`).'
      : error.hint;
  return new CairnError(code, `${archive}: ${error.message}`, {
    cause: error,
    facts: { archive },
    ...(hint === undefined ? {} : { hint }),
  });
}
