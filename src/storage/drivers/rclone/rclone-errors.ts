import type { ErrorCode } from '../../../base/error-codes.ts';
import { CairnError } from '../../../base/errors.ts';
import { printable } from '../http/http-errors.ts';

interface Meaning {
  readonly code: ErrorCode;
  readonly text: string;
  readonly hint: string;
}

const full: Meaning = {
  code: 'STORAGE_FULL',
  text: 'has no room left',
  hint: 'Make room or raise the quota, then run the same command again: nothing stored so far is lost.',
};
const expired: Meaning = {
  code: 'CREDENTIALS_EXPIRED',
  text: 'does not accept the login any more',
  hint: 'Log in again (`rclone config reconnect REMOTE:`, or new keys), then run the same command.',
};
const denied: Meaning = {
  code: 'STORAGE_DENIED',
  text: 'refuses access',
  hint: 'Try `rclone lsd REMOTE:` and `rclone touch REMOTE:PATH/x` by hand; the remote is set up with `rclone config`.',
};

// rclone answers "500" to whatever its remote says; what that was stands in its log, in the words of the remote. These
// are names of errors that remotes are documented to give, and what systems say of files.
const meanings: readonly (readonly [RegExp, Meaning])[] = [
  [/no space left|quota|insufficient.?storage|storage.?(?:limit|full)|disk (?:is )?full|not enough space/i, full],
  [/expired.?token|token.{0,20}expired|invalid_grant|couldn't fetch token|TokenRefreshRequired/i, expired],
  [
    /RequestTimeTooSkewed/i,
    { code: 'CLOCK_SKEWED', text: 'says that the clock of this machine is wrong', hint: 'Set the clock (NTP).' },
  ],
  [
    /NoSuchBucket|ContainerNotFound|bucket (?:does not exist|not found)/i,
    {
      code: 'BUCKET_MISSING',
      text: 'has no such bucket',
      hint: 'Check the name behind REMOTE: with `rclone lsd REMOTE:`.',
    },
  ],
  [/AccessDenied|access denied|InvalidAccessKeyId|SignatureDoesNotMatch|permission denied|forbidden/i, denied],
];

/** What a line of rclone's log says for certain, so that no later try would be answered otherwise. */
export function rcloneFailure(action: string, line: string): CairnError | undefined {
  const [, meaning] = meanings.find(([pattern]) => pattern.test(line)) ?? [];
  if (meaning === undefined) return undefined;
  return new CairnError(meaning.code, `cannot ${action}: the remote ${meaning.text} (${printable(line)})`, {
    hint: meaning.hint,
  });
}
