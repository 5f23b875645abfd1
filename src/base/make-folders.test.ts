import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeFolders, makeFoldersSync } from './make-folders.ts';

let root: string;
beforeEach(() => void (root = fs.mkdtempSync(join(tmpdir(), 'cairn-folders-'))));
afterEach(() => fs.rmSync(root, { recursive: true }));

const ways = [
  ['', makeFolders],
  [' at once', async (folder: string, mode: number) => makeFoldersSync(folder, mode)],
] as const;

describe.each(ways)('making folders%s', (_, make) => {
  it('makes all that is missing and tells the first of it', async () => {
    expect(await make(join(root, 'a/b/c'), 0o700)).toBe(join(root, 'a'));
    expect(await make(join(root, 'a/b/d/e'), 0o700)).toBe(join(root, 'a/b/d'));
    expect(fs.statSync(join(root, 'a/b/d/e')).isDirectory()).toBe(true);
  });

  it('makes nothing where all is there, also behind a symlink', async () => {
    fs.symlinkSync('.', join(root, 'link'));
    expect(await make(join(root, 'link'), 0o700)).toBeUndefined();
  });

  it('fails where a file is in the way', async () => {
    fs.writeFileSync(join(root, 'file'), '');
    await expect(make(join(root, 'file'), 0o700)).rejects.toMatchObject({ code: 'EEXIST' });
    await expect(make(join(root, 'file/a'), 0o700)).rejects.toMatchObject({ code: 'ENOTDIR' });
  });

  it.runIf(process.platform === 'linux')('ends with the reason of the system where nothing can be made', async () => {
    await expect(make('/proc/nothing/here', 0o700)).rejects.toMatchObject({
      code: 'ENOENT',
      path: '/proc/nothing',
    });
  });
});
