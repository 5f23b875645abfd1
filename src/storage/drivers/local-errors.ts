import { CairnError, type CairnErrorOptions, systemCode } from '../../base/errors.ts';
import type { ErrorCode } from '../../base/error-codes.ts';

interface Meaning {
  readonly code: ErrorCode;
  readonly text: string;
  readonly options?: CairnErrorOptions;
}

const denied: Meaning = {
  code: 'STORAGE_DENIED',
  text: 'access denied',
  options: { hint: 'Check who owns the files and directories of the vault, and as which user this runs.' },
};
const full: Meaning = {
  code: 'STORAGE_FULL',
  text: 'no space left',
  options: {
    hint: 'Free some space or raise the quota, then run the same command again: nothing stored so far is lost.',
  },
};
const gone: Meaning = {
  code: 'STORAGE_UNREACHABLE',
  text: 'the file system does not answer',
  options: { hint: 'Check that the disk or network share is connected and mounted.', retry: 'later' },
};
const busy: Meaning = {
  code: 'STORAGE_IO',
  text: 'the system is out of handles or busy',
  options: { hint: 'Run fewer things at once, or raise the limit of open files.', retry: 'later' },
};

const meanings = new Map<string, Meaning>([
  ['ENOENT', { code: 'OBJECT_MISSING', text: 'it does not exist' }],
  ['EISDIR', { code: 'OBJECT_MISSING', text: 'it is a directory' }],
  ['ENOTDIR', { code: 'OBJECT_MISSING', text: 'a component of its path is no directory' }],
  ['EEXIST', { code: 'OBJECT_EXISTS', text: 'it exists' }],
  ['ENAMETOOLONG', { code: 'STORAGE_IO', text: 'the path is too long for the file system' }],
  ['EACCES', denied],
  ['EPERM', denied],
  [
    'EROFS',
    {
      code: 'STORAGE_READ_ONLY',
      text: 'the file system is read-only',
      options: { hint: 'Mount it writable; after disk errors the system may have made it read-only.' },
    },
  ],
  ['ENOSPC', full],
  ['EDQUOT', full],
  ['EFBIG', { ...full, text: 'the file is too big for the file system' }],
  [
    'EIO',
    {
      code: 'STORAGE_IO',
      text: 'the device reports an input/output error',
      options: {
        hint: 'Look at the system log and the health of the disk before trusting it further.',
        retry: 'later',
      },
    },
  ],
  ['ESTALE', gone],
  ['ENOTCONN', gone],
  ['EHOSTDOWN', gone],
  ['EHOSTUNREACH', gone],
  ['ETIMEDOUT', gone],
  ['ENODEV', gone],
  ['EBUSY', busy],
  ['EAGAIN', busy],
  ['EMFILE', busy],
  ['ENFILE', busy],
]);

/**
 * What an error of the file system means for a storage; `action` and `path` say what was tried.
 * Anything that no system call threw (an abort reason, an error of ours) is returned as it is.
 */
export function translateLocalError(error: unknown, action: string, path: string): unknown {
  const system = systemCode(error);
  if (system === undefined || !(error instanceof Error) || !('syscall' in error)) return error;
  const meaning = meanings.get(system) ?? { code: 'STORAGE_IO', text: error.message };
  // A missing or strange folder is no missing object for who wants to write one, or to make the storage itself.
  const isAboutObject = meaning.code.startsWith('OBJECT_');
  const code = isAboutObject && (action === 'write' || action === 'make') ? 'STORAGE_IO' : meaning.code;
  return new CairnError(code, `cannot ${action} ${path}: ${meaning.text} (${system})`, {
    ...(isAboutObject && action === 'make' ? { hint: 'Choose another place: the vault is a folder of its own.' } : {}),
    ...meaning.options,
    cause: error,
    facts: { path, system },
  });
}

/** Runs `operation` and translates what it throws. */
export async function translating<T>(action: string, path: string, operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (error) {
    throw translateLocalError(error, action, path);
  }
}
