import { CairnError, type CairnErrorOptions, messageOf, systemCode } from '../../../base/errors.ts';
import type { ErrorCode } from '../../../base/error-codes.ts';
import { missing } from '../../object-range.ts';

// Status codes of SFTP version 3 (draft-ietf-secsh-filexfer-02 §7). OpenSSH has no others; the later ones are
// numbers of newer drafts that some servers send in version 3 as well.
export const SFTP_STATUS = {
  EOF: 1,
  NO_SUCH_FILE: 2,
  PERMISSION_DENIED: 3,
  FAILURE: 4,
  OP_UNSUPPORTED: 8,
  NO_SUCH_PATH: 10,
  FILE_ALREADY_EXISTS: 11,
  WRITE_PROTECT: 12,
  NO_SPACE: 14,
  QUOTA_EXCEEDED: 15,
} as const;

interface Meaning {
  readonly code: ErrorCode;
  readonly text: string;
  readonly options?: CairnErrorOptions;
}

const full: Meaning = {
  code: 'STORAGE_FULL',
  text: 'no space is left on the server',
  options: {
    hint: 'Free some space there or raise the quota, then run the same command again: nothing stored so far is lost.',
  },
};
const readOnly: Meaning = {
  code: 'STORAGE_READ_ONLY',
  text: 'the file system of the server is read-only',
  options: { hint: 'Have it mounted writable; after disk errors a system may have made it read-only.' },
};

const meanings = new Map<number, Meaning>([
  [
    SFTP_STATUS.PERMISSION_DENIED,
    {
      code: 'STORAGE_DENIED',
      text: 'the server denies access',
      options: { hint: 'Check who owns the files and directories of the vault there, and as which user you log in.' },
    },
  ],
  [SFTP_STATUS.FILE_ALREADY_EXISTS, { code: 'OBJECT_EXISTS', text: 'it exists' }],
  [SFTP_STATUS.WRITE_PROTECT, readOnly],
  [SFTP_STATUS.NO_SPACE, full],
  [SFTP_STATUS.QUOTA_EXCEEDED, { ...full, text: 'the quota on the server is used up' }],
  [
    SFTP_STATUS.OP_UNSUPPORTED,
    { code: 'NOT_SUPPORTED', text: 'the server does not support it', options: { hint: 'Use another SFTP server.' } },
  ],
]);

/** A request that the server answered with a status other than success. */
export class SftpStatusError extends Error {
  readonly status: number;
  /** Room on the server when the request failed, where it was asked for. */
  readonly space: FileSystemSpace | undefined;

  constructor(status: number, message: string, space?: FileSystemSpace) {
    super(message);
    this.name = 'SftpStatusError';
    this.status = status;
    this.space = space;
  }
}

/** The status of a refused request; `undefined` for any other error. */
export function sftpStatus(error: unknown): number | undefined {
  return error instanceof SftpStatusError ? error.status : undefined;
}

export function isNoSuchFile(error: unknown): boolean {
  const status = sftpStatus(error);
  return status === SFTP_STATUS.NO_SUCH_FILE || status === SFTP_STATUS.NO_SUCH_PATH;
}

/** Numbers that `statvfs@openssh.com` gives. */
export interface FileSystemSpace {
  readonly freeBytes: number;
  readonly freeFiles: number;
  readonly isReadOnly: boolean;
}

// A file system that is "full" may have a few blocks left that no file of the size in question fits in.
const NEXT_TO_NOTHING = 1024 * 1024;

/**
 * What a refused request means for a storage. SFTP has one status, "failure", for a full disk and for most
 * other faults; what the error knows about the room on the server tells them apart.
 */
export function translateSftpError(
  error: unknown,
  { action, name, path }: { action: string; name: string; path: string },
): unknown {
  if (!(error instanceof SftpStatusError)) return error;
  const { status, space } = error;
  if (isNoSuchFile(error) && action === 'list') return linkToNowhere(path, error);
  if (isNoSuchFile(error) && action !== 'write') return missing(name, error);
  const meaning = meanings.get(status) ?? explain(action, space, error);
  return new CairnError(meaning.code, `cannot ${action} ${path}: ${meaning.text}`, {
    ...meaning.options,
    cause: error,
    facts: { path, status },
  });
}

function linkToNowhere(path: string, cause: unknown): CairnError {
  return new CairnError('STORAGE_UNREACHABLE', `${path} is a link on the server that leads nowhere`, {
    hint: 'Check that the disk it leads to is mounted there.',
    cause,
    facts: { path },
  });
}

function explain(action: string, space: FileSystemSpace | undefined, error: unknown): Meaning {
  const changes = action === 'write' || action === 'make';
  if (changes && space?.isReadOnly === true) return readOnly;
  if (changes && space !== undefined && space.freeBytes < NEXT_TO_NOTHING) return full;
  if (changes && space?.freeFiles === 0) return { ...full, text: 'the server has no room for another file (inodes)' };
  return {
    code: 'STORAGE_IO',
    text: `the server says no more than "${messageOf(error)}"`,
    ...(changes && {
      options: { hint: 'A quota that is used up, or a damaged disk, looks like this. See the log of the server.' },
    }),
  };
}

/** The error of all requests under way when a connection ends. */
export function connectionLost(where: string, cause: unknown): CairnError {
  const why = cause === undefined ? '' : `: ${messageOf(cause)}`;
  return new CairnError('STORAGE_UNREACHABLE', `the connection to ${where} is lost${why}`, {
    hint: 'Try again; what was stored completely is there.',
    retry: 'later',
    ...(cause === undefined ? {} : { cause }),
    facts: { server: where },
  });
}

/** Worth another try: the network or the server may come back. */
const PASSING = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'ENETDOWN',
  'EAI_AGAIN',
]);

/** The error of a connection that could not be made. */
export function connectFailure(where: string, cause: unknown, complaint: string): CairnError {
  const system = systemOf(cause);
  const said = complaint === '' ? '' : ` (the proxy says: ${complaint})`;
  if (system === 'ENOTFOUND') {
    return unreachable(
      `there is no host for ${where}${said}`,
      cause,
      'never',
      'Check the name in the address of the vault.',
    );
  }
  // The handshake ended without a common cipher, key exchange or kind of host key.
  if (messageOf(cause).includes('no matching')) {
    return new CairnError('NOT_SUPPORTED', `${where} and this program have no way to encrypt in common`, {
      hint: 'The server is very old or very strict; `ssh -v` shows what it offers.',
      cause,
    });
  }
  const passing = system === undefined || PASSING.has(system);
  return unreachable(
    `cannot connect to ${where}: ${system ?? messageOf(cause)}${said}`,
    cause,
    passing ? 'later' : 'never',
    'Check that the SSH server runs, that address and port are right, and that no firewall is in between.',
  );
}

function unreachable(message: string, cause: unknown, retry: 'later' | 'never', hint: string): CairnError {
  return new CairnError('STORAGE_UNREACHABLE', message, { hint, retry, cause });
}

/** With several addresses Node gives one error around the errors of each. */
function systemOf(error: unknown): string | undefined {
  if (error instanceof AggregateError) return systemCode(error) ?? systemCode(error.errors[0]);
  return systemCode(error);
}
