import fs from 'node:fs';
import { HIGH_HALF, LOW_HALF } from '../half-words.ts';
import { SplitTime } from '../split-time.ts';
import { createAccountNames } from './account-names.ts';
import type { CFunction, Libc } from './libc.ts';
import { bindNativeCalls } from './native-calls.ts';
import { createCPath, PATH_BYTES } from './native-context.ts';
import type { NativeContext } from './native-context.ts';
import { createNativeXattrs } from './native-xattrs.ts';
import { createPortablePosix, readWhole } from './portable-posix.ts';
import { Errno, notSupported, posixError } from './posix-error.ts';
import { AT_FDCWD } from './posix.ts';
import type { Posix } from './posix.ts';
import { createStatxBuffer, STATX_BASIC } from './statx.ts';

// Flag values of Linux; O_CLOEXEC is the same on every architecture that libc.ts lets through.
const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_REMOVEDIR = 0x200;
const AT_EMPTY_PATH = 0x1000;
const O_CLOEXEC = 0o2000000;
const FALLOC_FL_KEEP_SIZE = 1;
const FALLOC_FL_PUNCH_HOLE = 2;
const SEEK_DATA = 3;
const SEEK_HOLE = 4;

const TWO_32 = 0x1_0000_0000;

/**
 * The calls themselves. What Node's `fs` does as well (chmod, chown of a descriptor) is taken from there.
 * Throws if this C library cannot serve.
 */
export function createNativePosix(libc: Libc): Posix {
  const context: NativeContext = {
    calls: bindNativeCalls(libc),
    path: createCPath(),
    path2: createCPath(),
    errno: libc.errno,
    failure: (syscall, name) => posixError(syscall, libc.errno(), name),
  };
  const portable = createPortablePosix();
  const files = fileCalls(context);
  return {
    ...portable,
    kind: 'native',
    missing: [],
    ...files,
    readSmallFile: (dirfd, name, target, stat) => readWhole(files, dirfd, name, target, stat),
    ...statCalls(context),
    ...treeCalls(context),
    ...nodeCalls(context),
    ...timeCalls(context),
    ...createNativeXattrs(context),
    ...spaceCalls(context),
    ...directoryCalls(context),
    userName: createAccountNames('/etc/passwd', accountLookup(context.calls.getpwuid_r, libc)),
    groupName: createAccountNames('/etc/group', accountLookup(context.calls.getgrgid_r, libc)),
  };
}

type FileCalls = Pick<Posix, 'openat' | 'close' | 'read' | 'fstatInto'>;

function fileCalls(context: NativeContext): FileCalls {
  const { calls, path, errno, failure } = context;
  return {
    openat: (dirfd, name, flags, mode = 0o666) => {
      const cName = path(name, 'openat');
      for (;;) {
        const fd = calls.openat(dirfd, cName, flags | O_CLOEXEC, mode);
        if (fd >= 0) return fd;
        if (errno() !== Errno.EINTR) throw failure('openat', name);
      }
    },
    close: (fd) => {
      // Linux gives the descriptor back even when close reports EINTR.
      if (calls.close(fd) !== 0 && errno() !== Errno.EINTR) throw failure('close');
    },
    read: (fd, target) => {
      for (;;) {
        const count = calls.read(fd, target, target.length);
        if (count >= 0) return count;
        if (errno() !== Errno.EINTR) throw failure('read');
      }
    },
    fstatInto: statCalls(context).fstatInto,
  };
}

function statCalls({
  calls,
  path,
  errno,
  failure,
}: NativeContext): Pick<Posix, 'statInto' | 'lstatInto' | 'fstatInto'> {
  const answer = createStatxBuffer();
  const empty = new Uint8Array(1);
  const statInto: Posix['statInto'] = (dirfd, name, out) => {
    if (calls.statx(dirfd, path(name, 'statx'), AT_SYMLINK_NOFOLLOW, STATX_BASIC, answer.memory) !== 0) {
      if (errno() === Errno.ENOENT) return false;
      throw failure('statx', name);
    }
    answer.store(out);
    return true;
  };
  return {
    statInto,
    lstatInto: (name, out) => statInto(AT_FDCWD, name, out),
    fstatInto: (fd, out) => {
      if (calls.statx(fd, empty, AT_EMPTY_PATH, STATX_BASIC, answer.memory) !== 0) throw failure('statx');
      answer.store(out);
    },
  };
}

type TreeCalls = Pick<
  Posix,
  'readlinkat' | 'mkdirat' | 'symlinkat' | 'linkat' | 'unlinkat' | 'rmdirat' | 'renameat' | 'fchownat'
>;

function treeCalls({ calls, path, path2, failure }: NativeContext): TreeCalls {
  const linkTarget = new Uint8Array(PATH_BYTES);
  const check = (result: number, syscall: string, name: Uint8Array): void => {
    if (result !== 0) throw failure(syscall, name);
  };
  return {
    readlinkat: (dirfd, name) => {
      const size = calls.readlinkat(dirfd, path(name, 'readlinkat'), linkTarget, PATH_BYTES);
      if (size < 0) throw failure('readlinkat', name);
      return linkTarget.slice(0, size);
    },
    mkdirat: (dirfd, name, mode) => check(calls.mkdirat(dirfd, path(name, 'mkdirat'), mode), 'mkdirat', name),
    symlinkat: (target, dirfd, name) =>
      check(calls.symlinkat(path2(target, 'symlinkat'), dirfd, path(name, 'symlinkat')), 'symlinkat', name),
    linkat: (oldDirfd, oldName, newDirfd, newName) =>
      check(calls.linkat(oldDirfd, path(oldName, 'linkat'), newDirfd, path2(newName, 'linkat'), 0), 'linkat', newName),
    unlinkat: (dirfd, name) => check(calls.unlinkat(dirfd, path(name, 'unlinkat'), 0), 'unlinkat', name),
    rmdirat: (dirfd, name) => check(calls.unlinkat(dirfd, path(name, 'unlinkat'), AT_REMOVEDIR), 'rmdirat', name),
    renameat: (oldDirfd, oldName, newDirfd, newName) =>
      check(
        calls.renameat(oldDirfd, path(oldName, 'renameat'), newDirfd, path2(newName, 'renameat')),
        'renameat',
        newName,
      ),
    fchownat: (dirfd, name, uid, gid) =>
      check(calls.fchownat(dirfd, path(name, 'fchownat'), uid, gid, AT_SYMLINK_NOFOLLOW), 'fchownat', name),
  };
}

/** mknodat(2); glibc before 2.33 exports it as `__xmknodat(version, …, dev_t *)` only. */
function nodeCalls({ calls, path, failure }: NativeContext): Pick<Posix, 'mknodat'> {
  const device = new BigUint64Array(1);
  const call = (dirfd: number, cName: Uint8Array, mode: number, rdev: bigint): number | undefined => {
    if (calls.mknodat !== undefined) return calls.mknodat(dirfd, cName, mode, BigInt.asUintN(64, rdev));
    device[0] = rdev;
    return calls.__xmknodat?.(process.arch === 'x64' ? 1 : 0, dirfd, cName, mode, device);
  };
  return {
    mknodat: (dirfd, name, mode, rdev) => {
      const result = call(dirfd, path(name, 'mknodat'), mode, rdev);
      if (result === undefined) throw notSupported('mknodat', name);
      if (result !== 0) throw failure('mknodat', name);
    },
  };
}

function timeCalls({ calls, path, failure }: NativeContext): Pick<Posix, 'utimensat' | 'futimens'> {
  // struct timespec[2]: seconds and nanoseconds of access and modification, 8 bytes each.
  const times = new BigInt64Array(4);
  const halves = new Uint32Array(times.buffer);
  const split = new SplitTime();
  // In halves, for the same reason as in statx.ts. The nanoseconds count up within a second also before 1970.
  const store = (at: number, ns: bigint): void => {
    const { seconds, nanoseconds } = split.of(ns);
    const high = Math.floor(seconds / TWO_32);
    halves[2 * at + LOW_HALF] = seconds - high * TWO_32;
    halves[2 * at + HIGH_HALF] = high;
    halves[2 * at + 2 + LOW_HALF] = nanoseconds;
    halves[2 * at + 2 + HIGH_HALF] = 0;
  };
  return {
    utimensat: (dirfd, name, atimeNs, mtimeNs) => {
      store(0, atimeNs);
      store(2, mtimeNs);
      if (calls.utimensat(dirfd, path(name, 'utimensat'), times, AT_SYMLINK_NOFOLLOW) !== 0) {
        throw failure('utimensat', name);
      }
    },
    futimens: (fd, atimeNs, mtimeNs) => {
      store(0, atimeNs);
      store(2, mtimeNs);
      if (calls.futimens(fd, times) !== 0) throw failure('futimens');
    },
  };
}

function spaceCalls({
  calls,
  errno,
  failure,
}: NativeContext): Pick<Posix, 'fallocate' | 'punchHole' | 'seekData' | 'seekHole'> {
  const allocate = (fd: number, mode: number, offset: number, lengthBytes: number): boolean => {
    for (;;) {
      if (calls.fallocate(fd, mode, offset, lengthBytes) === 0) return true;
      const reason = errno();
      if (reason === Errno.ENOTSUP || reason === Errno.ENOSYS) return false;
      if (reason !== Errno.EINTR) throw failure('fallocate');
    }
  };
  return {
    fallocate: (fd, offset, lengthBytes) => allocate(fd, 0, offset, lengthBytes),
    punchHole: (fd, offset, lengthBytes) =>
      allocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, lengthBytes),
    seekData: (fd, offset) => {
      const at = calls.lseek(fd, offset, SEEK_DATA);
      if (at >= 0) return at;
      if (errno() === Errno.ENXIO) return undefined;
      throw failure('lseek');
    },
    seekHole: (fd, offset) => {
      const at = calls.lseek(fd, offset, SEEK_HOLE);
      if (at >= 0) return at;
      // At or behind the end there is nothing but the hole that every file ends with.
      if (errno() === Errno.ENXIO) return fs.fstatSync(fd).size;
      throw failure('lseek');
    },
  };
}

/**
 * getdents64(2). Each record: u64 inode, i64 offset, u16 record length, u8 type, name and NUL. A block of
 * records becomes one string that names are cut from: a third of the time of Node's `readdirSync` with types.
 */
function directoryCalls({
  calls,
  failure,
}: NativeContext): Pick<Posix, 'readDirectory' | 'readDirectoryLatin1'> | undefined {
  const { getdents64 } = calls;
  if (getdents64 === undefined) return undefined;
  const memory = Buffer.allocUnsafeSlow(128 * 1024);
  const readDirectoryLatin1: Posix['readDirectoryLatin1'] = (fd, visit) => {
    for (;;) {
      const size = getdents64(fd, memory, memory.length);
      if (size < 0) throw failure('getdents64');
      if (size === 0) return;
      visitRecords(memory.toString('latin1', 0, size), visit);
    }
  };
  return {
    readDirectoryLatin1,
    readDirectory: (fd, visit) => readDirectoryLatin1(fd, (name, type) => visit(Buffer.from(name, 'latin1'), type)),
  };
}

const LENGTH_AT = 16;
const TYPE_AT = 18;
const NAME_AT = 19;
const littleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

function visitRecords(records: string, visit: (name: string, type: number) => void): void {
  let at = 0;
  while (at < records.length) {
    const first = records.charCodeAt(at + LENGTH_AT);
    const second = records.charCodeAt(at + LENGTH_AT + 1);
    const name = records.slice(at + NAME_AT, records.indexOf('\0', at + NAME_AT));
    if (name !== '.' && name !== '..') visit(name, records.charCodeAt(at + TYPE_AT));
    at += littleEndian ? first | (second << 8) : second | (first << 8);
  }
}

/** getpwuid_r or getgrgid_r: both fill a structure whose first member is the address of the name. */
function accountLookup(call: CFunction | undefined, libc: Libc): (id: number) => string | undefined {
  if (call === undefined) return () => undefined;
  const record = new BigUint64Array(16);
  const found = new BigUint64Array(1);
  return (id) => {
    // Groups with very many members need more room than others.
    for (let sizeBytes = 16 * 1024; sizeBytes <= 4 * 1024 * 1024; sizeBytes *= 4) {
      const strings = new Uint8Array(sizeBytes);
      const status = call(id, record, strings, sizeBytes, found);
      if (status === 0) return found[0] === 0n ? undefined : libc.stringAt(record[0] ?? 0n);
      if (status !== Errno.ERANGE) return undefined;
    }
    return undefined;
  };
}
