import { CairnError, systemCode } from '../../base/errors.ts';

/**
 * The error that ends the whole restore, if a system call's error is one: the target is full, read-only,
 * or gone. `undefined` for what concerns one entry only.
 */
export function fatalTargetError(error: unknown): CairnError | undefined {
  switch (systemCode(error)) {
    case 'ENOSPC':
      return targetFull('there is no space left on the target', error);
    case 'EDQUOT':
      return targetFull('the disk quota of the target is used up', error);
    case 'EROFS':
      return new CairnError('TARGET_INVALID', 'the target is on a read-only file system', {
        hint: 'choose another target, or mount it writable',
        cause: error,
      });
    case 'EMFILE':
    case 'ENFILE':
      return new CairnError('RESTORE_FAILED', 'too many open files', { hint: 'raise `ulimit -n`', cause: error });
    default:
      return undefined;
  }
}

function targetFull(message: string, cause: unknown): CairnError {
  return new CairnError('TARGET_FULL', message, {
    hint: 'free some space and run the same restore again: what is there already is not written twice',
    cause,
  });
}
