import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeWithHoles } from './file-content.ts';

const KIB = 1024;
let folder: string;
let fd: number;

beforeEach(() => {
  folder = fs.mkdtempSync(join(tmpdir(), 'cairn-content-'));
  fd = fs.openSync(join(folder, 'file'), 'w+');
});
afterEach(() => {
  fs.closeSync(fd);
  fs.rmSync(folder, { recursive: true });
});

describe('writeWithHoles', () => {
  it('writes nothing of a long run of zeros', () => {
    expect(writeWithHoles(fd, new Uint8Array(100 * KIB), 0, false)).toBe(false);
    expect(fs.fstatSync(fd).size).toBe(0);
  });

  it('writes short runs of zeros', () => {
    expect(writeWithHoles(fd, new Uint8Array(KIB), 0, false)).toBe(true);
    expect(fs.fstatSync(fd).size).toBe(KIB);
  });

  it('leaves out blocks of zeros within the bytes when the file is to be sparse', () => {
    const bytes = new Uint8Array(256 * KIB);
    bytes[0] = 1;
    bytes[200 * KIB] = 2;
    expect(writeWithHoles(fd, bytes, 0, true)).toBe(false);
    expect(fs.readFileSync(join(folder, 'file')).equals(bytes)).toBe(true);
    expect(fs.fstatSync(fd).blocks * 512).toBeLessThanOrEqual(128 * KIB);
  });

  it('tells apart bytes that are zero at both ends only', () => {
    const bytes = new Uint8Array(128 * KIB);
    bytes[70 * KIB] = 1;
    writeWithHoles(fd, bytes, 0, false);
    expect(fs.readFileSync(join(folder, 'file')).equals(bytes)).toBe(true);
  });
});
