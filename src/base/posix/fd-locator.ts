import fs from 'node:fs';
import { checkPath, Errno, posixError } from './posix-error.ts';
import { AT_FDCWD } from './posix.ts';

/** Turns (directory descriptor, name) into a path, for calls that take only paths. */
export interface FdLocator {
  readonly locate: (dirfd: number, name: Uint8Array) => Buffer;
  readonly pathOf: (fd: number) => Buffer;
  /** Tells of descriptors, for systems where a path cannot be had from one. */
  readonly opened: (fd: number, dirfd: number, name: Uint8Array) => void;
  readonly closed: (fd: number) => void;
}

const slash = Buffer.from('/');

/**
 * With /proc the path is `/proc/self/fd/<fd>/<name>`: the kernel starts at the open directory itself, so
 * renaming it, or putting a symlink in its place, changes nothing.
 */
export function createLocator(hasProc: boolean = fs.existsSync('/proc/self/fd')): FdLocator {
  const paths = new Map<number, Buffer>();

  const pathOf = (fd: number): Buffer => {
    if (hasProc) return Buffer.from(`/proc/self/fd/${fd}`);
    const path = paths.get(fd);
    if (path === undefined) throw posixError('openat', Errno.EBADF);
    return path;
  };
  const locate = (dirfd: number, name: Uint8Array): Buffer => {
    checkPath(name, 'openat');
    const complete = dirfd === AT_FDCWD || name[0] === slash[0];
    return complete ? Buffer.from(name) : Buffer.concat([pathOf(dirfd), slash, name]);
  };

  return {
    locate,
    pathOf,
    opened: (fd, dirfd, name) => {
      if (!hasProc) paths.set(fd, locate(dirfd, name));
    },
    closed: (fd) => {
      if (!hasProc) paths.delete(fd);
    },
  };
}
