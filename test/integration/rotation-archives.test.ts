// Retention by name over archives: a form of its own beside the snapshots of the same name.
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Secret } from '../../src/base/secret.ts';
import { openMemoryStorage } from '../../src/storage/drivers/memory.ts';
import { initVault } from '../../src/vault/open-vault.ts';
import type { Vault } from '../../src/vault/vault.ts';

let scratch: string;
let vault: Vault;

beforeEach(async () => {
  scratch = fs.mkdtempSync(join(tmpdir(), 'cairn-rotation-'));
  fs.writeFileSync(join(scratch, 'file'), 'content');
  const password = new Secret('correct horse');
  vault = await initVault(openMemoryStorage(), { password, generatedKey: true, jobs: 1, cache: false });
  for (const day of [12, 13, 14]) {
    const time = `2024-03-${day}T03:00:00Z`;
    await vault.archive(scratch, { name: 'main', time, encrypt: false, tags: day === 12 ? ['hold:kept'] : [] });
    if (day > 12) await vault.backup(scratch, { name: 'main', time });
  }
});
afterEach(async () => {
  await vault.close();
  fs.rmSync(scratch, { recursive: true });
});

const left = async (): Promise<string[]> =>
  (await Array.fromAsync(vault.list())).map(({ form, time }) => `${time.toISOString().slice(8, 10)} ${form}`);

const now = '2024-03-14T12:00:00Z';

describe('rotation', () => {
  it('thins out archives and snapshots of a name each by themselves', async () => {
    const { status, removed } = await vault.rotate({ name: 'main' }, { days: 1 }, { now });
    expect([status, removed.map(({ form }) => form).sort()]).toEqual(['complete', ['archive', 'snapshot']]);
    expect((await left()).sort()).toEqual(['12 archive', '14 archive', '14 snapshot']);
  });

  it('refuses a plan that keeps an archive which is gone', async () => {
    const plan = await vault.planRotation({ name: 'main' }, { days: 1 }, { now });
    const archives = plan.groups.find(({ key }) => key.form === 'archive');
    await vault.delete(archives?.keep[0]?.backup.id ?? '');
    await expect(vault.rotate(plan)).rejects.toMatchObject({ code: 'PLAN_OUTDATED' });
  });
});

describe('a held archive', () => {
  it('is not deleted without a word', async () => {
    await expect(vault.delete('main@2024-03-12')).rejects.toMatchObject({ code: 'BACKUP_HELD' });
  });
});

describe('a periodic backup', () => {
  it('is in time by an archive, too', async () => {
    await vault.delete('main@2024-03-14T12:00Z');
    await expect(vault.periodic([{ name: 'main', every: '1D' }], { now })).resolves.toMatchObject([{ status: 'ok' }]);
  });
});
