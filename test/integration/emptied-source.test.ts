// A source that is empty where the backup before was not is an error, not a backup of nothing.
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Secret } from '../../src/base/secret.ts';
import { openMemoryStorage } from '../../src/storage/drivers/memory.ts';
import { initVault } from '../../src/vault/open-vault.ts';
import type { Vault } from '../../src/vault/vault.ts';

let scratch: string;
let vault: Vault;

beforeEach(async () => {
  scratch = fs.mkdtempSync(join(tmpdir(), 'cairn-emptied-'));
  for (const name of ['disk', 'other']) {
    fs.mkdirSync(join(scratch, name));
    fs.writeFileSync(join(scratch, name, 'file'), 'content');
  }
  const password = new Secret('correct horse');
  vault = await initVault(openMemoryStorage(), { password, generatedKey: true, jobs: 1, cache: false });
});
afterEach(async () => {
  await vault.close();
  fs.rmSync(scratch, { recursive: true });
});

const disk = (): string => join(scratch, 'disk');
const count = async (): Promise<number> => (await Array.fromAsync(vault.list())).length;

/** What a mount point looks like when its disk is not mounted. */
function unmount(name: string): void {
  fs.renameSync(join(scratch, name), join(scratch, `${name}.unmounted`));
  fs.mkdirSync(join(scratch, name));
}

const isEmptySource = expect.objectContaining({ code: 'SOURCE_EMPTY' }) as Error;

describe('a source that was not empty before', () => {
  it('and is an empty folder now is refused, and nothing is saved', async () => {
    const { id } = await vault.backup(disk());
    unmount('disk');
    await expect(vault.backup(disk())).rejects.toMatchObject({
      code: 'SOURCE_EMPTY',
      facts: { paths: [disk()], before: id },
    });
    await expect(vault.previewBackup(disk())).rejects.toThrow(isEmptySource);
    expect(await count()).toBe(1);
  });

  it('is refused for one of its paths, too', async () => {
    const paths = [disk(), join(scratch, 'other')];
    await vault.backup(paths);
    unmount('other');
    await expect(vault.backup(paths)).rejects.toMatchObject({ code: 'SOURCE_EMPTY', facts: { paths: [paths[1]] } });
  });

  it('is refused where all of its content is gone or left out', async () => {
    await vault.backup(disk());
    await expect(vault.backup({ type: 'files', targets: [disk()], exclude: ['file'] })).rejects.toThrow(isEmptySource);
    fs.writeFileSync(join(disk(), 'file'), '');
    await expect(vault.backup(disk())).rejects.toThrow(isEmptySource);
  });

  it('is refused by its name, where its path is another each time', async () => {
    await vault.backup(disk(), { name: 'main' });
    fs.mkdirSync(join(scratch, 'new'));
    await expect(vault.backup(join(scratch, 'new'), { name: 'main' })).rejects.toThrow(isEmptySource);
    await expect(vault.backup(join(scratch, 'new'), { name: 'other' })).resolves.toMatchObject({ status: 'complete' });
  });

  it('is refused as a stream of nothing, and only under the same name', async () => {
    await vault.backup(Readable.from(['a dump']), { name: 'main' });
    await expect(vault.backup(Readable.from([]), { name: 'main' })).rejects.toThrow(isEmptySource);
    await expect(vault.backup(Readable.from([]), { name: 'log' })).resolves.toMatchObject({ status: 'complete' });
  });

  it('is refused also where a run was stopped since, before it had read anything', async () => {
    await vault.backup(disk());
    unmount('disk');
    await vault.backup(disk(), { allowEmpty: true, tags: ['partial'] });
    await expect(vault.backup(disk())).rejects.toThrow(isEmptySource);
  });

  it('is saved empty where that is asked for, and from then on without', async () => {
    await vault.backup(disk());
    unmount('disk');
    await vault.backup(disk(), { allowEmpty: true });
    await vault.backup(disk());
    expect(await count()).toBe(3);
  });
});

describe('a source that was never anything but empty', () => {
  it('is saved as it is', async () => {
    unmount('disk');
    await vault.backup(disk());
    await expect(vault.backup(disk())).resolves.toMatchObject({ status: 'complete' });
  });
});
