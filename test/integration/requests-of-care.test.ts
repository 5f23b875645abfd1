// What a check and a prune ask a server for. Each request costs a round trip, and money where providers charge for them.
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CairnError } from '../../src/base/errors.ts';
import { openMemoryStorage } from '../../src/storage/drivers/memory.ts';
import { type Fault, faulty, type FaultyStorage } from '../../src/storage/layers/faulty.ts';
import { StorageLayer } from '../../src/storage/layers/storage-layer.ts';
import type { Storage, StorageFeatures } from '../../src/storage/storage.ts';
import { openVault } from '../../src/vault/open-vault.ts';
import type { Vault } from '../../src/vault/vault.ts';
import { quickVault } from '../support/quick-vault.ts';
import { sharedStorage } from '../support/shared-storage.ts';

const PASSWORD = 'correct horse';

class Remote extends StorageLayer {
  override get features(): StorageFeatures {
    return { ...this.inner.features, remote: true };
  }
}

let scratch: string;
let storage: Storage;
beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'cairn-requests-'));
  storage = openMemoryStorage('requests');
  await using vault = await quickVault(sharedStorage(storage), PASSWORD);
  const [file, other] = [join(scratch, 'file.bin'), join(scratch, 'other.bin')];
  await writeFile(file, randomBytes(100_000));
  await writeFile(other, randomBytes(100_000));
  await vault.backup(file);
  const { id } = await vault.backup(other);
  await vault.backup(file, { name: 'again', force: true });
  await vault.delete([id]);
});
afterEach(() => rm(scratch, { recursive: true }));

async function open(...faults: Fault[]): Promise<{ readonly vault: Vault; readonly counted: FaultyStorage }> {
  const counted = faulty(new Remote(sharedStorage(storage)), ...faults);
  const cache = { folder: join(scratch, 'cache') };
  const vault = await openVault(counted, { password: PASSWORD, cache, catalog: false });
  return { vault, counted };
}

const named = ({ operations }: FaultyStorage, kind: string, prefix = ''): string[] =>
  operations.filter((one) => one.kind === kind && one.name.startsWith(prefix)).map(({ name }) => name);

const counts = (names: readonly string[]): Record<string, number> => {
  const byFolder = Object.groupBy(names, (name) => name.replace(/[^/]*$/, ''));
  return Object.fromEntries(Object.entries(byFolder).map(([folder, all]) => [folder, all?.length ?? 0]));
};

describe('a check of all data', () => {
  it('reads no file twice', async () => {
    const { vault, counted } = await open();
    await using _vault = vault;
    expect(await vault.check({ readData: 'all' })).toMatchObject({ isGood: true });
    const reads = named(counted, 'read');
    expect(reads).toEqual([...new Set(reads)]);
    expect(named(counted, 'stat')).toEqual([]);
  });

  it('lists each folder once, and locks before and after its own is there', async () => {
    const { vault, counted } = await open();
    await using _vault = vault;
    await vault.check({ readData: 'all' });
    expect(counts(named(counted, 'list'))).toEqual({
      'keys/': 1,
      'locks/': 2,
      'snapshots/': 1,
      'index/': 1,
      'data/': 1,
      'archives/': 1,
      'values/': 1,
    });
  });

  it('reads what it goes by while its lock settles', async () => {
    const { vault, counted } = await open();
    await using _vault = vault;
    await vault.check({ readData: 'all' });
    const lists = named(counted, 'list');
    expect(lists.indexOf('data/')).toBeLessThan(lists.lastIndexOf('locks/'));
  });
});

describe('what a check has read before its lock is held', () => {
  it('is read again before anybody is told that it looks wrong', async () => {
    const { vault, counted } = await open({
      how: 'lose-from-listing',
      entry: () => true,
      when: ({ kind, name }) => kind === 'list' && name === 'data/',
      times: 1,
    });
    await using _vault = vault;
    expect(await vault.check()).toMatchObject({ isGood: true, findings: [] });
    expect(counts(named(counted, 'list'))).toMatchObject({ 'data/': 2 });
  });

  it('is used also where the storage cannot be written, so that there is no lock', async () => {
    const denied = new CairnError('STORAGE_READ_ONLY', 'nothing can be written here');
    const { vault, counted } = await open({ how: 'fail', error: denied, when: ({ kind }) => kind === 'write' });
    await using _vault = vault;
    expect(await vault.check()).toMatchObject({ isGood: true, snapshots: 2 });
    expect(counts(named(counted, 'list'))).toMatchObject({ 'index/': 1, 'data/': 1 });
  });
});

describe('a prune', () => {
  it('lists what is there once to plan, and looks again for what is new when nobody else writes', async () => {
    const { vault, counted } = await open();
    await using _vault = vault;
    expect(await vault.prune({ maxUnused: { bytes: 0 } })).toMatchObject({ status: 'complete' });
    const lists = counts(named(counted, 'list'));
    expect(lists).toEqual({ 'keys/': 1, 'locks/': 4, 'snapshots/': 2, 'index/': 2, 'data/': 1 });
  });

  it('plans while its lock settles', async () => {
    const { vault, counted } = await open();
    await using _vault = vault;
    await vault.prune({ maxUnused: { bytes: 0 } });
    const lists = named(counted, 'list');
    const secondLook = lists.indexOf('locks/', lists.indexOf('locks/') + 1);
    expect(lists.indexOf('data/')).toBeLessThan(secondLook);
  });

  it('that has nothing to do removes its lock and asks for no right to remove more', async () => {
    await using vault = (await open()).vault;
    await vault.prune({ maxUnused: { bytes: 0 } });
    const again = await open();
    await using _again = again.vault;
    expect(await again.vault.prune({ maxUnused: { bytes: 0 } })).toMatchObject({ status: 'nothing' });
    expect(counts(named(again.counted, 'remove'))).toEqual({ 'locks/': 1 });
  });
});
