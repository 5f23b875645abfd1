// Extended attributes whose names a tree cannot hold as they are.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openPosix } from '../../src/base/posix/open-posix.ts';
import { AT_FDCWD } from '../../src/base/posix/posix.ts';
import { openMemoryStorage } from '../../src/storage/drivers/memory.ts';
import { quickVault } from '../support/quick-vault.ts';

let source: string;
beforeEach(async () => void (source = await mkdtemp(join(tmpdir(), 'cairn-attributes-'))));
afterEach(() => rm(source, { recursive: true }));

function setAttribute(name: string, attribute: Uint8Array): void {
  openPosix().setxattrat(AT_FDCWD, Buffer.from(join(source, name)), attribute, Buffer.from('value'));
}

it.each(['file', 'folder'])('of a %s make the backup partial, by name, where they are not UTF-8', async (name) => {
  await mkdir(join(source, 'folder'));
  await writeFile(join(source, 'file'), 'text');
  setAttribute(name, Buffer.from('user.a\xffb', 'latin1'));
  await using vault = await quickVault(openMemoryStorage(), 'correct horse');
  const { status, problems } = await vault.backup(source);
  expect(status).toBe('partial');
  expect(problems).toMatchObject([
    {
      path: join(source, name),
      message: 'attribute user.a\ufffdb: its name is not UTF-8; what is saved has another one',
    },
  ]);
});

it('are no problem where they are', async () => {
  await writeFile(join(source, 'file'), 'text');
  setAttribute('file', Buffer.from('user.größe'));
  await using vault = await quickVault(openMemoryStorage(), 'correct horse');
  expect((await vault.backup(source)).status).toBe('complete');
});
