import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openPosix } from './open-posix.ts';
import { AT_FDCWD, EntryType, FileType, STAT_FIELDS, StatField } from './posix.ts';

const native = openPosix({ prefer: 'native' });
const portable = openPosix({ prefer: 'portable' });
const bytes = (text: string): Uint8Array => Buffer.from(text);
const { O_RDONLY, O_DIRECTORY, O_WRONLY, O_CREAT, O_RDWR, O_NOFOLLOW } = fs.constants;

let root: string;
let dirfd: number;

beforeEach(() => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), 'cairn-posix-'));
  dirfd = native.openat(AT_FDCWD, bytes(root), O_RDONLY | O_DIRECTORY);
});
afterEach(() => {
  native.close(dirfd);
  fs.rmSync(root, { recursive: true, force: true });
});

describe.each([native, portable])('$kind posix', (posix) => {
  let at: number;
  beforeEach(() => {
    at = posix.openat(AT_FDCWD, bytes(root), O_RDONLY | O_DIRECTORY);
  });
  afterEach(() => posix.close(at));

  it('reads every stat field as Node does', () => {
    fs.writeFileSync(path.join(root, 'f'), 'x'.repeat(5000));
    const expected = fs.lstatSync(path.join(root, 'f'), { bigint: true });
    const out = new BigInt64Array(STAT_FIELDS);
    expect(posix.statInto(at, bytes('f'), out)).toBe(true);
    expect([...out]).toEqual([
      expected.mode,
      expected.dev,
      expected.ino,
      expected.nlink,
      expected.uid,
      expected.gid,
      expected.rdev,
      expected.size,
      expected.blocks,
      expected.atimeNs,
      expected.mtimeNs,
      expected.ctimeNs,
    ]);
  });

  it('reads the device number of a device node', () => {
    const out = new BigInt64Array(STAT_FIELDS);
    posix.lstatInto(bytes('/dev/null'), out);
    expect(out[StatField.rdev]).toBe(fs.lstatSync('/dev/null', { bigint: true }).rdev);
  });

  it('tells a missing entry from a failure', () => {
    const out = new BigInt64Array(STAT_FIELDS);
    expect(posix.statInto(at, bytes('nothing'), out)).toBe(false);
    expect(() => posix.openat(at, bytes('nothing'), O_RDONLY)).toThrow(
      expect.objectContaining({ code: 'ENOENT', errno: -2 }),
    );
  });

  it('refuses a name with a NUL instead of cutting it', () => {
    expect(() => posix.openat(at, bytes('a\0b'), O_WRONLY | O_CREAT)).toThrow(
      expect.objectContaining({ code: 'EINVAL' }),
    );
    expect(fs.readdirSync(root)).toEqual([]);
  });

  it('refuses a path longer than the kernel takes', () => {
    expect(() => posix.mkdirat(at, new Uint8Array(5000).fill(97), 0o700)).toThrow(
      expect.objectContaining({ code: 'ENAMETOOLONG' }),
    );
  });

  it('reads a small file in one call, up to the size of the buffer', () => {
    fs.writeFileSync(path.join(root, 'f'), 'hello');
    const stat = new BigInt64Array(STAT_FIELDS);
    const target = new Uint8Array(16);
    expect(posix.readSmallFile(at, bytes('f'), target, stat)).toBe(5);
    expect(Buffer.from(target).toString('utf8', 0, 5)).toBe('hello');
    expect(stat[StatField.sizeBytes]).toBe(5n);
    expect(posix.readSmallFile(at, bytes('f'), target.subarray(0, 3))).toBe(3);
  });

  it('does not read through a symlink', () => {
    fs.symlinkSync('/etc/passwd', path.join(root, 'link'));
    expect(() => posix.readSmallFile(at, bytes('link'), new Uint8Array(16))).toThrow(
      expect.objectContaining({ code: 'ELOOP' }),
    );
  });

  it('lists names that are not UTF-8, with their types', () => {
    const odd = Buffer.from([0x66, 0xff, 0x80, 0x0a]);
    fs.writeFileSync(Buffer.concat([Buffer.from(`${root}/`), odd]), '');
    fs.mkdirSync(path.join(root, 'd'));
    fs.symlinkSync('x', path.join(root, 'l'));
    const found: [string, number][] = [];
    posix.readDirectory(at, (name, type) => found.push([Buffer.from(name).toString('latin1'), type]));
    expect(found.sort(([a], [b]) => (a < b ? -1 : 1))).toEqual([
      ['d', EntryType.directory],
      [odd.toString('latin1'), EntryType.regular],
      ['l', EntryType.symlink],
    ]);
  });

  it('lists more entries than one system call returns', () => {
    for (let i = 0; i < 550; i++) fs.writeFileSync(path.join(root, `${'long'.repeat(60)}-${i}`), '');
    const names = new Set<string>();
    posix.readDirectory(at, (name) => names.add(Buffer.from(name).toString()));
    expect(names.size).toBe(550);
  });

  it('makes, links, renames and removes entries relative to a directory', () => {
    posix.mkdirat(at, bytes('d'), 0o700);
    posix.close(posix.openat(at, bytes('f'), O_WRONLY | O_CREAT, 0o640));
    posix.linkat(at, bytes('f'), at, bytes('hard'));
    posix.symlinkat(bytes('some/where'), at, bytes('soft'));
    posix.renameat(at, bytes('f'), at, bytes('g'));
    expect(fs.readdirSync(root).sort()).toEqual(['d', 'g', 'hard', 'soft']);
    expect(Buffer.from(posix.readlinkat(at, bytes('soft'))).toString()).toBe('some/where');
    expect(fs.statSync(path.join(root, 'g')).nlink).toBe(2);
    posix.rmdirat(at, bytes('d'));
    posix.unlinkat(at, bytes('g'));
    expect(fs.readdirSync(root).sort()).toEqual(['hard', 'soft']);
  });

  it('stays in the opened directory when another takes its place', () => {
    fs.mkdirSync(path.join(root, 'real'));
    fs.mkdirSync(path.join(root, 'elsewhere'));
    const real = posix.openat(at, bytes('real'), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    fs.renameSync(path.join(root, 'real'), path.join(root, 'moved'));
    fs.symlinkSync('elsewhere', path.join(root, 'real'));
    posix.mkdirat(real, bytes('inside'), 0o700);
    posix.close(real);
    expect(fs.readdirSync(path.join(root, 'moved'))).toEqual(['inside']);
    expect(fs.readdirSync(path.join(root, 'elsewhere'))).toEqual([]);
  });

  it('sets modes without following a symlink', () => {
    fs.writeFileSync(path.join(root, 'f'), '');
    fs.symlinkSync('f', path.join(root, 'l'));
    posix.fchmodat(at, bytes('f'), 0o4711);
    expect(fs.statSync(path.join(root, 'f')).mode & 0o7777).toBe(0o4711);
    expect(() => posix.fchmodat(at, bytes('l'), 0o777)).toThrow(expect.objectContaining({ code: 'ENOTSUP' }));
    expect(fs.statSync(path.join(root, 'f')).mode & 0o7777).toBe(0o4711);
  });

  it('sets times of a symlink itself, to the microsecond at least', () => {
    fs.writeFileSync(path.join(root, 'f'), '');
    fs.symlinkSync('f', path.join(root, 'l'));
    const before = fs.statSync(path.join(root, 'f'), { bigint: true }).mtimeNs;
    posix.utimensat(at, bytes('l'), 1_600_000_000_250_000_000n, 1_500_000_000_500_000_000n);
    const link = fs.lstatSync(path.join(root, 'l'), { bigint: true });
    const microseconds = [link.atimeNs, link.mtimeNs].map((ns) => Math.round(Number(ns) / 1000));
    expect(microseconds).toEqual([1_600_000_000_250_000, 1_500_000_000_500_000]);
    expect(fs.statSync(path.join(root, 'f'), { bigint: true }).mtimeNs).toBe(before);
  });

  it('knows the name of root and admits what it does not know', () => {
    expect(posix.userName(0)).toBe('root');
    expect(posix.groupName(0)).toBe('root');
    expect(posix.userName(3_999_999_999)).toBeUndefined();
  });

  it('finds the data of a file', () => {
    fs.writeFileSync(path.join(root, 'f'), 'data');
    const fd = posix.openat(at, bytes('f'), O_RDONLY);
    expect(posix.seekData(fd, 0)).toBe(0);
    expect(posix.seekHole(fd, 0)).toBe(4);
    expect(posix.seekData(fd, 4)).toBeUndefined();
    posix.close(fd);
  });
});

describe.runIf(native.kind === 'native')('native posix', () => {
  it('keeps nanoseconds, also before 1970', () => {
    fs.writeFileSync(path.join(root, 'f'), '');
    native.utimensat(dirfd, bytes('f'), 1_700_000_000_123_456_789n, -1n);
    const stats = fs.statSync(path.join(root, 'f'), { bigint: true });
    expect([stats.atimeNs, stats.mtimeNs]).toEqual([1_700_000_000_123_456_789n, -1n]);
    const fd = native.openat(dirfd, bytes('f'), O_RDWR);
    native.futimens(fd, 5n, 7_000_000_009n);
    native.close(fd);
    const out = new BigInt64Array(STAT_FIELDS);
    native.statInto(dirfd, bytes('f'), out);
    expect([out[StatField.atimeNs], out[StatField.mtimeNs]]).toEqual([5n, 7_000_000_009n]);
  });

  it('round-trips extended attributes by path, by directory and by descriptor', (context) => {
    fs.writeFileSync(path.join(root, 'f'), '');
    const value = Buffer.from([0, 1, 0xff, 0]);
    try {
      native.setxattrat(dirfd, bytes('f'), bytes('user.one'), value);
    } catch {
      context.skip('no user attributes on this file system');
    }
    const fd = native.openat(dirfd, bytes('f'), O_RDWR);
    native.fsetxattr(fd, bytes('user.two'), new Uint8Array(0));
    const expected = [
      ['user.one', value.toString('hex')],
      ['user.two', ''],
    ];
    const shown = (list: ReturnType<typeof native.fgetxattrs>): string[][] =>
      list
        .map((x) => [Buffer.from(x.name).toString(), Buffer.from(x.value).toString('hex')])
        .sort(([a], [b]) => (a! < b! ? -1 : 1));
    expect(shown(native.fgetxattrs(fd))).toEqual(expected);
    expect(shown(native.getxattrsat(dirfd, bytes('f')))).toEqual(expected);
    expect(shown(native.lgetxattrs(bytes(path.join(root, 'f'))))).toEqual(expected);
    native.fremovexattr(fd, bytes('user.one'));
    native.removexattrat(dirfd, bytes('f'), bytes('user.two'));
    expect(native.fgetxattrs(fd)).toEqual([]);
    native.close(fd);
  });

  it('has no attributes where the file system has none', () => {
    expect(native.lgetxattrs(bytes('/proc/self/status'))).toEqual([]);
  });

  it('makes a fifo', () => {
    native.mknodat(dirfd, bytes('pipe'), FileType.fifo | 0o600, 0n);
    expect(fs.lstatSync(path.join(root, 'pipe')).isFIFO()).toBe(true);
  });

  it('does not hang on a fifo that nobody writes', () => {
    native.mknodat(dirfd, bytes('pipe'), FileType.fifo | 0o600, 0n);
    expect(native.readSmallFile(dirfd, bytes('pipe'), new Uint8Array(4))).toBe(0);
  });

  it.runIf(process.getuid?.() === 0)('makes a device node with its number', (context) => {
    const { rdev } = fs.statSync('/dev/null', { bigint: true });
    try {
      native.mknodat(dirfd, bytes('null'), FileType.charDevice | 0o600, rdev);
    } catch {
      context.skip('not allowed here');
    }
    expect(fs.lstatSync(path.join(root, 'null'), { bigint: true }).rdev).toBe(rdev);
  });

  it.runIf(process.getuid?.() === 0)('changes the owner of a symlink, not of what it points to', () => {
    fs.writeFileSync(path.join(root, 'f'), '');
    fs.symlinkSync('f', path.join(root, 'l'));
    native.fchownat(dirfd, bytes('l'), 4_000_000_001, 12);
    expect(fs.lstatSync(path.join(root, 'l')).uid).toBe(4_000_000_001);
    expect(fs.statSync(path.join(root, 'f')).uid).toBe(0);
  });

  it('reserves space, punches and finds holes', (context) => {
    const fd = native.openat(dirfd, bytes('f'), O_RDWR | O_CREAT, 0o600);
    if (!native.fallocate(fd, 0, 3 * 65536)) context.skip('no fallocate on this file system');
    fs.writeSync(fd, Buffer.alloc(3 * 65536, 1), 0, 3 * 65536, 0);
    if (!native.punchHole(fd, 65536, 65536)) context.skip('no holes on this file system');
    expect(fs.fstatSync(fd).size).toBe(3 * 65536);
    expect(native.seekHole(fd, 0)).toBe(65536);
    expect(native.seekData(fd, 65536)).toBe(2 * 65536);
    native.close(fd);
  });

  it('names a group that only the name service knows as it does one of the file', () => {
    const gid = fs.statSync('/etc').gid;
    expect(native.groupName(gid)).toBe(portable.groupName(gid));
  });
});

it('uses nothing native when CAIRN_NATIVE is off', () => {
  const script = `import { openPosix } from ${JSON.stringify(new URL('open-posix.ts', import.meta.url).href)};
    process.stdout.write(openPosix().kind + ':' + openPosix().missing.length)`;
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    env: { ...process.env, CAIRN_NATIVE: 'off' },
    encoding: 'utf8',
  });
  expect(stdout).toBe('portable:4');
});
