import fs from 'node:fs';
import { createAccountNames } from './account-names.ts';
import { createLocator } from './fd-locator.ts';
import { notSupported } from './posix-error.ts';
import { AT_FDCWD, EntryType, FileType, StatField } from './posix.ts';
import type { Posix, Xattr } from './posix.ts';

// O_PATH is not among Node's constants; this is its number on every Linux that Node has builds for.
const O_PATH = 0o10000000;

const noXattrs: readonly Xattr[] = [];

/** Writes Node's stats as the fields of `StatField`. */
function storeStats(stats: fs.BigIntStats, out: BigInt64Array): void {
  out[StatField.mode] = stats.mode;
  out[StatField.device] = stats.dev;
  out[StatField.inode] = stats.ino;
  out[StatField.links] = stats.nlink;
  out[StatField.uid] = stats.uid;
  out[StatField.gid] = stats.gid;
  out[StatField.rdev] = stats.rdev;
  out[StatField.sizeBytes] = stats.size;
  out[StatField.blocks] = stats.blocks;
  out[StatField.atimeNs] = stats.atimeNs;
  out[StatField.mtimeNs] = stats.mtimeNs;
  out[StatField.ctimeNs] = stats.ctimeNs;
}

function direntsOf(path: Buffer): fs.Dirent<Buffer>[] {
  return fs.readdirSync(path, { encoding: 'buffer', withFileTypes: true });
}

function typeOfDirent(entry: fs.Dirent<Buffer>): number {
  if (entry.isFile()) return EntryType.regular;
  if (entry.isDirectory()) return EntryType.directory;
  if (entry.isSymbolicLink()) return EntryType.symlink;
  if (entry.isFIFO()) return EntryType.fifo;
  if (entry.isSocket()) return EntryType.socket;
  if (entry.isBlockDevice()) return EntryType.blockDevice;
  if (entry.isCharacterDevice()) return EntryType.charDevice;
  return EntryType.unknown;
}

const read: Posix['read'] = (fd, target) => fs.readSync(fd, target, 0, target.length, null);

const fstatInto: Posix['fstatInto'] = (fd, out) => storeStats(fs.fstatSync(fd, { bigint: true }), out);

/**
 * What Node's `fs` can do of it. Directory-relative calls go through `/proc/self/fd/<dirfd>/<name>`, which
 * the kernel resolves from the open directory, like the real call; where there is no /proc, through the
 * path under which the directory was opened.
 */
export function createPortablePosix(): Posix {
  const locator = createLocator();
  const at = locator.locate;

  const openat: Posix['openat'] = (dirfd, name, flags, mode = 0o666) => {
    const fd = fs.openSync(at(dirfd, name), flags, mode);
    locator.opened(fd, dirfd, name);
    return fd;
  };
  const close = (fd: number): void => {
    locator.closed(fd);
    fs.closeSync(fd);
  };
  const statInto: Posix['statInto'] = (dirfd, name, out) => {
    const stats = fs.lstatSync(at(dirfd, name), { bigint: true, throwIfNoEntry: false });
    if (stats === undefined) return false;
    storeStats(stats, out);
    return true;
  };

  return {
    kind: 'portable',
    missing: ['extended attributes', 'times finer than a microsecond', 'device nodes and fifos', 'holes in files'],
    openat,
    close,
    read,
    readSmallFile: (dirfd, name, target, stat) =>
      readWhole({ openat, close, read, fstatInto }, dirfd, name, target, stat),
    statInto,
    lstatInto: (path, out) => statInto(AT_FDCWD, path, out),
    fstatInto,
    readlinkat: (dirfd, name) => fs.readlinkSync(at(dirfd, name), { encoding: 'buffer' }),
    readDirectory: (fd, visit) => {
      for (const entry of direntsOf(locator.pathOf(fd))) visit(entry.name, typeOfDirent(entry));
    },
    readDirectoryLatin1: (fd, visit) => {
      for (const entry of direntsOf(locator.pathOf(fd))) visit(entry.name.toString('latin1'), typeOfDirent(entry));
    },
    ...treeCalls(at),
    ...metadataCalls(at),
    ...xattrCalls,
    fallocate: () => false,
    punchHole: () => false,
    seekData: (fd, offset) => (offset < fs.fstatSync(fd).size ? offset : undefined),
    seekHole: (fd) => fs.fstatSync(fd).size,
    userName: createAccountNames('/etc/passwd', () => undefined),
    groupName: createAccountNames('/etc/group', () => undefined),
  };
}

type Locate = (dirfd: number, name: Uint8Array) => Buffer;

function treeCalls(
  at: Locate,
): Pick<Posix, 'mkdirat' | 'symlinkat' | 'linkat' | 'mknodat' | 'unlinkat' | 'rmdirat' | 'renameat'> {
  return {
    mkdirat: (dirfd, name, mode) => {
      fs.mkdirSync(at(dirfd, name), { mode });
    },
    symlinkat: (target, dirfd, name) => fs.symlinkSync(Buffer.from(target), at(dirfd, name)),
    linkat: (oldDirfd, oldName, newDirfd, newName) => fs.linkSync(at(oldDirfd, oldName), at(newDirfd, newName)),
    mknodat: (_dirfd, name) => {
      throw notSupported('mknodat', name);
    },
    unlinkat: (dirfd, name) => fs.unlinkSync(at(dirfd, name)),
    rmdirat: (dirfd, name) => fs.rmdirSync(at(dirfd, name)),
    renameat: (oldDirfd, oldName, newDirfd, newName) => fs.renameSync(at(oldDirfd, oldName), at(newDirfd, newName)),
  };
}

function metadataCalls(
  at: Locate,
): Pick<Posix, 'fchownat' | 'fchown' | 'fchmodat' | 'fchmod' | 'utimensat' | 'futimens'> {
  return {
    fchownat: (dirfd, name, uid, gid) => fs.lchownSync(at(dirfd, name), uid, gid),
    fchown: (fd, uid, gid) => fs.fchownSync(fd, uid, gid),
    fchmodat: (dirfd, name, mode) => chmodNoFollow(at(dirfd, name), name, mode),
    fchmod: (fd, mode) => fs.fchmodSync(fd, mode),
    utimensat: (dirfd, name, atimeNs, mtimeNs) => fs.lutimesSync(at(dirfd, name), seconds(atimeNs), seconds(mtimeNs)),
    futimens: (fd, atimeNs, mtimeNs) => fs.futimesSync(fd, seconds(atimeNs), seconds(mtimeNs)),
  };
}

const xattrCalls: Pick<
  Posix,
  'lgetxattrs' | 'getxattrsat' | 'fgetxattrs' | 'setxattrat' | 'fsetxattr' | 'removexattrat' | 'fremovexattr'
> = {
  lgetxattrs: () => noXattrs,
  getxattrsat: () => noXattrs,
  fgetxattrs: () => noXattrs,
  setxattrat: (_dirfd, name) => {
    throw notSupported('setxattr', name);
  },
  fsetxattr: () => {
    throw notSupported('fsetxattr');
  },
  removexattrat: (_dirfd, name) => {
    throw notSupported('removexattr', name);
  },
  fremovexattr: () => {
    throw notSupported('fremovexattr');
  },
};

/** Seconds as Node's `utimes` wants them; a double keeps a quarter of a microsecond there. */
function seconds(ns: bigint): number {
  return Number(ns) / 1e9;
}

/**
 * chmod(2) without following a symlink. The kernel had no such call for long, so the entry is opened with
 * O_PATH (which opens nothing, also not a fifo) and changed through its descriptor.
 */
function chmodNoFollow(path: Buffer, name: Uint8Array, mode: number): void {
  if (process.platform !== 'linux') {
    if (fs.lstatSync(path).isSymbolicLink()) throw notSupported('fchmodat', name);
    fs.chmodSync(path, mode);
    return;
  }
  const fd = fs.openSync(path, O_PATH | fs.constants.O_NOFOLLOW);
  try {
    if ((fs.fstatSync(fd).mode & FileType.mask) === FileType.symlink) throw notSupported('fchmodat', name);
    fs.chmodSync(`/proc/self/fd/${fd}`, mode);
  } finally {
    fs.closeSync(fd);
  }
}

type ReadCalls = Pick<Posix, 'openat' | 'close' | 'read' | 'fstatInto'>;

/** `Posix.readSmallFile` in terms of the single calls. */
export function readWhole(
  calls: ReadCalls,
  dirfd: number,
  name: Uint8Array,
  target: Uint8Array,
  stat: BigInt64Array | undefined,
): number {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = fs.constants;
  const fd = calls.openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  try {
    if (stat !== undefined) calls.fstatInto(fd, stat);
    let filled = 0;
    while (filled < target.length) {
      const count = calls.read(fd, filled === 0 ? target : target.subarray(filled));
      if (count === 0) break;
      filled += count;
    }
    return filled;
  } finally {
    calls.close(fd);
  }
}
