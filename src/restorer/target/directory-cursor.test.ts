import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openPosix } from '../../base/posix/open-posix.ts';
import { DirectoryCursor } from './directory-cursor.ts';

const posix = openPosix();
let root: string;
let fd: number;
let cursor: DirectoryCursor;

beforeEach(() => {
  root = fs.mkdtempSync(join(tmpdir(), 'cairn-cursor-'));
  fd = fs.openSync(root, fs.constants.O_DIRECTORY);
  cursor = new DirectoryCursor(posix, fd);
});
afterEach(() => {
  cursor[Symbol.dispose]();
  fs.closeSync(fd);
  fs.rmSync(root, { recursive: true });
});

const inode = (path: string): number => fs.fstatSync(cursor.open(Buffer.from(path))).ino;
const real = (path: string): number => fs.statSync(join(root, path)).ino;
const openDescriptors = (): number => fs.readdirSync('/proc/self/fd').length;

describe('DirectoryCursor', () => {
  it('finds directories in any order', () => {
    for (const path of ['a/b/c', 'a/bb', 'z']) fs.mkdirSync(join(root, path), { recursive: true });
    for (const path of ['a/b/c', 'a/bb', 'a', 'z', 'a/b', 'a/b/c']) expect(inode(path)).toBe(real(path));
    expect(inode('')).toBe(real(''));
  });

  it('follows no symlink, neither as the last component nor on the way', () => {
    fs.mkdirSync(join(root, 'real/sub'), { recursive: true });
    fs.symlinkSync('real', join(root, 'link'));
    expect(() => cursor.open(Buffer.from('link'))).toThrow(/ELOOP|ENOTDIR/);
    expect(() => cursor.open(Buffer.from('link/sub'))).toThrow(/ELOOP|ENOTDIR/);
    expect(inode('real/sub')).toBe(real('real/sub'));
  });

  it('goes deep with few descriptors, and gives them all back', () => {
    const before = openDescriptors();
    const deep = Array.from({ length: 200 }, (_, i) => `d${i}`);
    fs.mkdirSync(join(root, ...deep), { recursive: true });
    expect(inode(deep.join('/'))).toBe(real(deep.join('/')));
    expect(openDescriptors() - before).toBeLessThan(60);
    expect(inode(deep.slice(0, 120).join('/'))).toBe(real(deep.slice(0, 120).join('/')));
    expect(inode(deep.slice(0, 150).join('/'))).toBe(real(deep.slice(0, 150).join('/')));
    cursor[Symbol.dispose]();
    expect(openDescriptors()).toBe(before);
  });
});
