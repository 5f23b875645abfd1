import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { makeFolders } from './make-folders.ts';

let root: string;
beforeEach(() => void (root = fs.mkdtempSync(join(tmpdir(), 'cairn-folders-'))));
afterEach(() => fs.rmSync(root, { recursive: true }));

it('makes all that is missing and tells the first of it', async () => {
  expect(await makeFolders(join(root, 'a/b/c'), 0o700)).toBe(join(root, 'a'));
  expect(await makeFolders(join(root, 'a/b/d/e'), 0o700)).toBe(join(root, 'a/b/d'));
  expect(fs.statSync(join(root, 'a/b/d/e')).isDirectory()).toBe(true);
});

it('makes nothing where all is there, also behind a symlink', async () => {
  fs.symlinkSync('.', join(root, 'link'));
  expect(await makeFolders(join(root, 'link'), 0o700)).toBeUndefined();
});

it('fails where a file is in the way', async () => {
  fs.writeFileSync(join(root, 'file'), '');
  await expect(makeFolders(join(root, 'file'), 0o700)).rejects.toMatchObject({ code: 'EEXIST' });
  await expect(makeFolders(join(root, 'file/a'), 0o700)).rejects.toMatchObject({ code: 'ENOTDIR' });
});

it.runIf(process.platform === 'linux')('ends with the reason of the system where nothing can be made', async () => {
  await expect(makeFolders('/proc/nothing/here', 0o700)).rejects.toMatchObject({
    code: 'ENOENT',
    path: '/proc/nothing',
  });
});
