// The system calls that a faithful backup and restore need and that Node's `fs` lacks: calls relative to
// an open directory, extended attributes, device nodes, times with nanoseconds, holes.

/** `dirfd` that stands for the working directory; with it, `name` may be any path. */
export const AT_FDCWD = -100;

/**
 * Positions of the fields that the `stat…` calls write into a `BigInt64Array` of `STAT_FIELDS` elements.
 * Inode and device numbers are unsigned: read them with `BigInt.asUintN(64, …)`.
 */
export const StatField = {
  /** st_mode: file type and permission bits. */
  mode: 0,
  /** st_dev as the kernel's 64-bit number. */
  device: 1,
  inode: 2,
  links: 3,
  uid: 4,
  gid: 5,
  /** st_rdev: the device that a device node stands for. */
  rdev: 6,
  sizeBytes: 7,
  /** Allocated blocks of 512 bytes. */
  blocks: 8,
  /** Nanoseconds since the Unix epoch, as are the two below. */
  atimeNs: 9,
  mtimeNs: 10,
  ctimeNs: 11,
} as const;

export const STAT_FIELDS = 12;

/** The file type bits of st_mode. */
export const FileType = {
  mask: 0o170000,
  fifo: 0o010000,
  charDevice: 0o020000,
  directory: 0o040000,
  blockDevice: 0o060000,
  regular: 0o100000,
  symlink: 0o120000,
  socket: 0o140000,
} as const;

/** d_type of a directory entry; `unknown` where the file system does not tell. */
export const EntryType = {
  unknown: 0,
  fifo: 1,
  charDevice: 2,
  directory: 4,
  blockDevice: 6,
  regular: 8,
  symlink: 10,
  socket: 12,
} as const;

export interface Xattr {
  readonly name: Uint8Array;
  readonly value: Uint8Array;
}

/** Called for one attribute that could not be read; the others are still returned. */
export type OnXattrError = (name: Uint8Array, error: Error) => void;

/**
 * System calls, all synchronous. Names and paths are raw bytes without a NUL. Calls that take `dirfd` and
 * `name` never follow a symlink in the last component (except `openat` without `O_NOFOLLOW`).
 * Errors are what Node's `fs` throws: an `Error` with `code` (`ENOENT`), negative `errno` and `syscall`;
 * what this platform cannot do throws `ENOTSUP`. Each thread opens its own.
 *
 * A descriptor from `openat` is closed with `close`, one from `fs.openSync` with `fs.closeSync`: a worker
 * thread of Node closes at its end whatever number `fs` opened and did not close.
 */
export interface Posix {
  /** `portable` = Node's `fs` only. */
  readonly kind: 'native' | 'portable';
  /** What gets lost here, in words for a warning, such as `extended attributes`. Empty when nothing is. */
  readonly missing: readonly string[];

  /** `flags` are Node's `fs.constants.O_…`; close-on-exec is always set. Returns a descriptor that works with `fs`. */
  readonly openat: (dirfd: number, name: Uint8Array, flags: number, mode?: number) => number;
  readonly close: (fd: number) => void;
  /** Reads at the file position. Returns the number of bytes read, 0 at the end. */
  readonly read: (fd: number, target: Uint8Array) => number;
  /**
   * Opens (without following a symlink or waiting for a fifo), reads until the end or until `target` is full,
   * and closes. Returns the number of bytes read: `target.length` means that there may be more.
   * With `stat`, the fields of the opened file, taken before reading, are written into it.
   */
  readonly readSmallFile: (dirfd: number, name: Uint8Array, target: Uint8Array, stat?: BigInt64Array) => number;

  /** Writes the fields of `StatField` into `out`. Returns false if there is no such entry. */
  readonly statInto: (dirfd: number, name: Uint8Array, out: BigInt64Array) => boolean;
  /** `statInto(AT_FDCWD, path, out)`. */
  readonly lstatInto: (path: Uint8Array, out: BigInt64Array) => boolean;
  readonly fstatInto: (fd: number, out: BigInt64Array) => void;
  readonly readlinkat: (dirfd: number, name: Uint8Array) => Uint8Array;
  /** Calls `visit` for every entry but `.` and `..`, in the order of the OS; `type` is one of `EntryType`. */
  readonly readDirectory: (fd: number, visit: (name: Uint8Array, type: number) => void) => void;
  /** The same with each name as a Latin-1 string, one character per byte: half the time in large directories. */
  readonly readDirectoryLatin1: (fd: number, visit: (name: string, type: number) => void) => void;

  readonly mkdirat: (dirfd: number, name: Uint8Array, mode: number) => void;
  readonly symlinkat: (target: Uint8Array, dirfd: number, name: Uint8Array) => void;
  readonly linkat: (oldDirfd: number, oldName: Uint8Array, newDirfd: number, newName: Uint8Array) => void;
  /** `mode` is a full st_mode (type and permissions), `rdev` the kernel's device number. */
  readonly mknodat: (dirfd: number, name: Uint8Array, mode: number, rdev: bigint) => void;
  readonly unlinkat: (dirfd: number, name: Uint8Array) => void;
  readonly rmdirat: (dirfd: number, name: Uint8Array) => void;
  readonly renameat: (oldDirfd: number, oldName: Uint8Array, newDirfd: number, newName: Uint8Array) => void;

  readonly fchownat: (dirfd: number, name: Uint8Array, uid: number, gid: number) => void;
  readonly fchown: (fd: number, uid: number, gid: number) => void;
  /** Permission bits with setuid, setgid and sticky. Refused for symlinks. */
  readonly fchmodat: (dirfd: number, name: Uint8Array, mode: number) => void;
  readonly fchmod: (fd: number, mode: number) => void;
  readonly utimensat: (dirfd: number, name: Uint8Array, atimeNs: bigint, mtimeNs: bigint) => void;
  readonly futimens: (fd: number, atimeNs: bigint, mtimeNs: bigint) => void;

  /** In the order of the OS; empty where the file system has none. Without `onError` the first unreadable attribute throws. */
  readonly lgetxattrs: (path: Uint8Array, onError?: OnXattrError) => readonly Xattr[];
  readonly getxattrsat: (dirfd: number, name: Uint8Array, onError?: OnXattrError) => readonly Xattr[];
  readonly fgetxattrs: (fd: number, onError?: OnXattrError) => readonly Xattr[];
  readonly setxattrat: (dirfd: number, name: Uint8Array, attribute: Uint8Array, value: Uint8Array) => void;
  readonly fsetxattr: (fd: number, attribute: Uint8Array, value: Uint8Array) => void;
  readonly removexattrat: (dirfd: number, name: Uint8Array, attribute: Uint8Array) => void;
  readonly fremovexattr: (fd: number, attribute: Uint8Array) => void;

  /** Reserves space and grows the file. Returns false where the file system cannot; throws `ENOSPC` when full. */
  readonly fallocate: (fd: number, offset: number, lengthBytes: number) => boolean;
  /** Turns a range into a hole, keeping the size. Returns false where the file system cannot. */
  readonly punchHole: (fd: number, offset: number, lengthBytes: number) => boolean;
  /** Next offset ≥ `offset` that holds data, or `undefined` if there is only a hole up to the end. Moves the file position. */
  readonly seekData: (fd: number, offset: number) => number | undefined;
  /** Next hole at or after `offset`; the end of the file counts as one. Moves the file position. */
  readonly seekHole: (fd: number, offset: number) => number;

  /** Name of a user or group, cached; `undefined` if nobody knows it. */
  readonly userName: (uid: number) => string | undefined;
  readonly groupName: (gid: number) => string | undefined;
}
