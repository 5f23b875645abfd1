// Retention on a machine whose clock tells of years in which nothing was backed up.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openMemoryStorage } from '../../src/storage/drivers/memory.ts';
import type { Vault } from '../../src/vault/vault.ts';
import { quickVault } from '../support/quick-vault.ts';

let folder: string;
let vault: Vault;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cairn-clock-'));
  writeFileSync(join(folder, 'file'), 'content');
  vault = await quickVault(openMemoryStorage(), 'correct horse');
  for (const day of [10, 11, 12]) await vault.backup(folder, { name: 'app', time: `2021-03-${day}T03:00:00Z` });
});
afterEach(async () => {
  await vault.close();
  rmSync(folder, { recursive: true });
});

const count = async (): Promise<number> => (await Array.fromAsync(vault.list())).length;
const doubtful = { code: 'CLOCK_DOUBTFUL' };

describe('years after the last backup', () => {
  it('nothing is rotated or deleted by age, also right after a backup by the same clock', async () => {
    await expect(vault.planRotation({}, { days: 7 })).rejects.toMatchObject(doubtful);
    await vault.backup(folder, { name: 'app' });
    await expect(vault.rotate({}, { days: 7, months: 6 })).rejects.toMatchObject(doubtful);
    await expect(vault.deleteOlderThan('3M')).rejects.toMatchObject(doubtful);
    expect(await count()).toBe(4);
  });

  it('all goes as ever once somebody says what time it is', async () => {
    await vault.rotate({}, { days: 7 }, { now: new Date() });
    expect(await count()).toBe(1);
  });

  it('a name that was given up goes by its rules where others of the vault are backed up', async () => {
    for (const days of [80, 40, 0]) {
      await vault.backup(folder, { name: 'other', time: new Date(Date.now() - days * 86_400_000) });
    }
    await vault.rotate({ name: 'app' }, { days: 7, months: 1 });
    expect(await count()).toBe(4);
  });
});
