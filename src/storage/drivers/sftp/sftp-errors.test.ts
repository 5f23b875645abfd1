import { describe, expect, it } from 'vitest';
import { CairnError } from '../../../base/errors.ts';
import { connectFailure, type FileSystemSpace, SftpStatusError, translateSftpError } from './sftp-errors.ts';

const roomy: FileSystemSpace = { freeBytes: 1e12, freeFiles: 1e6, isReadOnly: false };
const translate = (code: number, action: string, space?: FileSystemSpace): unknown =>
  translateSftpError(new SftpStatusError(code, 'Failure', space), {
    action,
    name: 'data/ab/x',
    path: '/srv/data/ab/x',
  });

describe('translateSftpError', () => {
  it.each([
    [2, 'read', 'OBJECT_MISSING'],
    [3, 'read', 'STORAGE_DENIED'],
    [4, 'read', 'STORAGE_IO'],
    [8, 'write', 'NOT_SUPPORTED'],
    [12, 'write', 'STORAGE_READ_ONLY'],
    [14, 'write', 'STORAGE_FULL'],
    [15, 'write', 'STORAGE_FULL'],
    [2, 'write', 'STORAGE_IO'],
    [99, 'write', 'STORAGE_IO'],
  ])('makes status %i of a %s into %s', (code, action, expected) => {
    expect(translate(code, action)).toMatchObject({ code: expected, retry: 'never' });
  });

  it.each([
    ['no bytes', { ...roomy, freeBytes: 0 }, 'STORAGE_FULL'],
    ['less than a small file takes', { ...roomy, freeBytes: 4096 }, 'STORAGE_FULL'],
    ['no inodes', { ...roomy, freeFiles: 0 }, 'STORAGE_FULL'],
    ['a read-only file system', { ...roomy, isReadOnly: true }, 'STORAGE_READ_ONLY'],
    ['plenty of room', roomy, 'STORAGE_IO'],
  ])('explains the failure of a write by %s', (_, space, expected) => {
    expect(translate(4, 'write', space)).toMatchObject({ code: expected });
  });

  it('does not blame a full disk for a read that fails', () => {
    expect(translate(4, 'read', { ...roomy, freeBytes: 0 })).toMatchObject({ code: 'STORAGE_IO' });
  });

  it.each([new CairnError('OBJECT_EXISTS', 'x'), new DOMException('stop', 'AbortError'), 'text'])(
    'leaves alone what no server said: %s',
    (error) => {
      expect(translateSftpError(error, { action: 'read', name: 'x', path: '/x' })).toBe(error);
    },
  );
});

describe('connectFailure', () => {
  it.each([
    ['ECONNREFUSED', 'later'],
    ['EAI_AGAIN', 'later'],
    ['ENOTFOUND', 'never'],
    ['EACCES', 'never'],
  ])('of %s: retry %s', (code, retry) => {
    const error = connectFailure('ann@nas:22', Object.assign(new Error(code), { code }), '');
    expect(error).toMatchObject({ code: 'STORAGE_UNREACHABLE', retry, message: expect.stringContaining('nas') });
  });

  it('finds the reason in the error around several addresses', () => {
    const inner = Object.assign(new Error('x'), { code: 'ECONNREFUSED' });
    expect(connectFailure('nas', new AggregateError([inner]), '').message).toContain('ECONNREFUSED');
  });

  it('repeats what a proxy said', () => {
    expect(connectFailure('nas', new Error('closed'), 'nc: bad port').message).toContain('nc: bad port');
  });
});
