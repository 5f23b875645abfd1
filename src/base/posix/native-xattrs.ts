import { createLocator } from './fd-locator.ts';
import { createCPath } from './native-context.ts';
import type { NativeContext } from './native-context.ts';
import { Errno } from './posix-error.ts';
import { AT_FDCWD } from './posix.ts';
import type { OnXattrError, Posix, Xattr } from './posix.ts';

// Linux limits both the list of names and a value to 64 KiB (XATTR_LIST_MAX, XATTR_SIZE_MAX).
const LIST_BYTES = 65536;

const noXattrs: readonly Xattr[] = [];

type XattrCalls = Pick<
  Posix,
  'lgetxattrs' | 'getxattrsat' | 'fgetxattrs' | 'setxattrat' | 'fsetxattr' | 'removexattrat' | 'fremovexattr'
>;

/**
 * Extended attributes. The C library has no calls relative to a directory, so those go through
 * `/proc/self/fd/<dirfd>/<name>`; the `l…` calls do not follow a symlink in the last component.
 */
export function createNativeXattrs(context: NativeContext): XattrCalls {
  const { calls, path, failure } = context;
  const { locate } = createLocator();
  const cName = createCPath();
  const attributePath = (attribute: Uint8Array): Uint8Array => cName(attribute, 'setxattr');

  const check = (result: number, syscall: string, name?: Uint8Array): void => {
    if (result !== 0) throw failure(syscall, name);
  };
  const cPathAt = (dirfd: number, name: Uint8Array, syscall: string): Uint8Array =>
    path(dirfd === AT_FDCWD ? name : locate(dirfd, name), syscall);

  return {
    ...readCalls(context, cPathAt),
    setxattrat: (dirfd, name, attribute, value) =>
      check(
        calls.lsetxattr(cPathAt(dirfd, name, 'lsetxattr'), attributePath(attribute), value, value.length, 0),
        'lsetxattr',
        name,
      ),
    fsetxattr: (fd, attribute, value) =>
      check(calls.fsetxattr(fd, attributePath(attribute), value, value.length, 0), 'fsetxattr'),
    removexattrat: (dirfd, name, attribute) =>
      check(calls.lremovexattr(cPathAt(dirfd, name, 'lremovexattr'), attributePath(attribute)), 'lremovexattr', name),
    fremovexattr: (fd, attribute) => check(calls.fremovexattr(fd, attributePath(attribute)), 'fremovexattr'),
  };
}

type CPathAt = (dirfd: number, name: Uint8Array, syscall: string) => Uint8Array;

function readCalls(
  { calls, errno, failure }: NativeContext,
  cPathAt: CPathAt,
): Pick<XattrCalls, 'lgetxattrs' | 'getxattrsat' | 'fgetxattrs'> {
  const list = new Uint8Array(LIST_BYTES);
  const value = new Uint8Array(LIST_BYTES);

  const names = (size: number, syscall: string, name?: Uint8Array): Uint8Array | undefined => {
    if (size > 0) return list.slice(0, size);
    if (size < 0 && errno() !== Errno.ENOTSUP) throw failure(syscall, name);
    return undefined;
  };
  const ofPath = (dirfd: number, name: Uint8Array, onError?: OnXattrError): readonly Xattr[] => {
    const cName = cPathAt(dirfd, name, 'llistxattr');
    const found = names(calls.llistxattr(cName, list, LIST_BYTES), 'llistxattr', name);
    if (found === undefined) return noXattrs;
    return collect(found, onError, (attribute) => {
      const size = calls.lgetxattr(cName, attribute, value, LIST_BYTES);
      if (size < 0) return errno() === Errno.ENODATA ? undefined : failure('lgetxattr', name);
      return value.slice(0, size);
    });
  };
  return {
    lgetxattrs: (name, onError) => ofPath(AT_FDCWD, name, onError),
    getxattrsat: ofPath,
    fgetxattrs: (fd, onError) => {
      const found = names(calls.flistxattr(fd, list, LIST_BYTES), 'flistxattr');
      if (found === undefined) return noXattrs;
      return collect(found, onError, (attribute) => {
        const size = calls.fgetxattr(fd, attribute, value, LIST_BYTES);
        if (size < 0) return errno() === Errno.ENODATA ? undefined : failure('fgetxattr');
        return value.slice(0, size);
      });
    },
  };
}

/** `names` are C strings one after the other. An attribute that vanished in between is left out. */
function collect(
  names: Uint8Array,
  onError: OnXattrError | undefined,
  get: (attribute: Uint8Array) => Uint8Array | Error | undefined,
): readonly Xattr[] {
  const xattrs: Xattr[] = [];
  let start = 0;
  while (start < names.length) {
    const end = names.indexOf(0, start);
    const name = names.subarray(start, end);
    const value = get(names.subarray(start, end + 1));
    if (value instanceof Error) {
      if (onError === undefined) throw value;
      onError(name, value);
    } else if (value !== undefined) {
      xattrs.push({ name, value });
    }
    start = end + 1;
  }
  return xattrs;
}
