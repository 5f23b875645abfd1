import { isUtf8 } from 'node:buffer';
import type { OnXattrError, Posix, Xattr } from '../base/posix/posix.ts';

/**
 * The same system calls, which tell of extended attributes whose names are not UTF-8. A tree is JSON and holds no other names of
 * attributes: like restic, we save U+FFFD for the bytes that are not, so the name that comes back is another one, and of two names
 * that differ there one is lost.
 */
export function tellingOddAttributes(posix: Posix): Posix {
  return {
    ...posix,
    lgetxattrs: (path, onError) => told(posix.lgetxattrs(path, onError), onError),
    getxattrsat: (dirfd, name, onError) => told(posix.getxattrsat(dirfd, name, onError), onError),
    fgetxattrs: (fd, onError) => told(posix.fgetxattrs(fd, onError), onError),
  };
}

function told(xattrs: readonly Xattr[], onError: OnXattrError | undefined): readonly Xattr[] {
  for (const { name } of xattrs) {
    if (!isUtf8(name)) onError?.(name, new Error('its name is not UTF-8; what is saved has another one'));
  }
  return xattrs;
}
