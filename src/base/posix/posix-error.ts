import { constants } from 'node:os';
import { utf8Lossy } from '../bytes.ts';

/** Numbers of the errors that callers of the raw calls tell apart. */
export const Errno: Readonly<
  Record<
    'EBADF' | 'ENOENT' | 'EINTR' | 'ENXIO' | 'ERANGE' | 'ENODATA' | 'ENOSYS' | 'EINVAL' | 'ENAMETOOLONG' | 'ENOTSUP',
    number
  >
> = constants.errno;

/** An error of a system call, shaped like those of Node's `fs`: `code`, negative `errno`, `syscall`, `path`. */
export function posixError(syscall: string, errno: number, name?: Uint8Array): NodeJS.ErrnoException {
  const [code, text] = process.getBuiltinModule('node:util').getSystemErrorMap().get(-errno) ?? [
    `E${errno}`,
    'unknown error',
  ];
  const path = name === undefined ? undefined : utf8Lossy(name);
  const error: NodeJS.ErrnoException = new Error(
    `${code}: ${text}, ${syscall}${path === undefined ? '' : ` '${path}'`}`,
  );
  error.code = code;
  error.errno = -errno;
  error.syscall = syscall;
  if (path !== undefined) error.path = path;
  return error;
}

/** The error of a call that this platform does not offer. */
export function notSupported(syscall: string, name?: Uint8Array): NodeJS.ErrnoException {
  return posixError(syscall, Errno.ENOTSUP, name);
}

/** Refuses what the kernel would cut or refuse: a NUL ends a C string, and a path has at most 4095 bytes. */
export function checkPath(name: Uint8Array, syscall: string): void {
  if (name.includes(0)) throw posixError(syscall, Errno.EINVAL, name);
  if (name.length >= 4096) throw posixError(syscall, Errno.ENAMETOOLONG, name.subarray(0, 64));
}
