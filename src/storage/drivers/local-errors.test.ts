import { describe, expect, it } from 'vitest';
import { CairnError } from '../../base/errors.ts';
import { translateLocalError } from './local-errors.ts';

const systemError = (code: string): Error => Object.assign(new Error(`${code}: text`), { code, syscall: 'open' });

describe('translateLocalError', () => {
  it.each([
    ['ENOENT', 'OBJECT_MISSING', 'never'],
    ['EACCES', 'STORAGE_DENIED', 'never'],
    ['EPERM', 'STORAGE_DENIED', 'never'],
    ['EROFS', 'STORAGE_READ_ONLY', 'never'],
    ['ENOSPC', 'STORAGE_FULL', 'never'],
    ['EDQUOT', 'STORAGE_FULL', 'never'],
    ['EIO', 'STORAGE_IO', 'later'],
    ['ESTALE', 'STORAGE_UNREACHABLE', 'later'],
    ['EWHATEVER', 'STORAGE_IO', 'never'],
  ])('makes %s into %s, retry %s', (system, code, retry) => {
    const cause = systemError(system);
    const error = translateLocalError(cause, 'read', '/vault/config');
    expect(error).toMatchObject({ code, retry, cause, facts: { path: '/vault/config', system } });
  });

  it.each(['EACCES', 'EROFS', 'ENOSPC', 'EDQUOT', 'EIO'])('says what to do about %s', (system) => {
    expect(translateLocalError(systemError(system), 'read', '/x')).toMatchObject({
      hint: expect.stringMatching(/\w+/),
    });
  });

  it('does not report a folder missing for a write as a missing object', () => {
    expect(translateLocalError(systemError('ENOTDIR'), 'write', '/x')).toMatchObject({ code: 'STORAGE_IO' });
  });

  it.each(['ENOENT', 'ENOTDIR', 'EEXIST'])('takes %s of a storage that is made for a wrong place', (system) => {
    expect(translateLocalError(systemError(system), 'make', '/x')).toMatchObject({
      code: 'STORAGE_IO',
      hint: expect.stringContaining('another place'),
    });
  });

  it.each([new CairnError('OBJECT_EXISTS', 'x'), new DOMException('stop', 'AbortError'), 'text'])(
    'leaves alone what no system call threw: %s',
    (error) => {
      expect(translateLocalError(error, 'read', '/x')).toBe(error);
    },
  );
});
