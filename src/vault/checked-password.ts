import { CairnArgumentError } from '../base/errors.ts';
import type { Secret } from '../base/secret.ts';

export interface PasswordCheck {
  /** The password is empty, as in a repository that restic made with `--insecure-no-password`. */
  readonly insecureNoPassword?: boolean | undefined;
}

/** What to tell whoever makes a vault or a key without a password. */
export const NO_PASSWORD_WARNING =
  'there is no password: anyone who can read the files of the vault can read every backup in it, and change them';

/** Throws `ARGUMENT_INVALID` for an empty password that nobody asked for, and for one that is not empty where none was to be. */
export function checkPassword(password: Secret, { insecureNoPassword = false }: PasswordCheck): Secret {
  if (password.isEmpty && !insecureNoPassword) {
    throw new CairnArgumentError('the password of a vault cannot be empty', {
      hint: 'For a vault that anyone may read, say so: `insecureNoPassword: true`.',
    });
  }
  if (!password.isEmpty && insecureNoPassword) {
    throw new CairnArgumentError('`insecureNoPassword` and a password exclude each other', {
      hint: 'Leave one of them out.',
    });
  }
  return password;
}
