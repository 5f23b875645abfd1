import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Clock, msToNs, systemClock } from '../../src/base/clock.ts';
import { requirePeer } from '../support/peers.ts';
import { RESTIC_PASSWORD, runRestic } from '../support/restic.ts';
import { openMemoryStorage } from '../../src/storage/drivers/memory.ts';
import { simulatedCold, type SimulatedColdStorage } from '../../src/storage/layers/simulated-cold.ts';
import { StorageLayer } from '../../src/storage/layers/storage-layer.ts';
import { initVault, openVault } from '../../src/vault/open-vault.ts';
import type { RetrievalOptions, RetrievalSummary } from '../../src/vault/actions/retrieve-packs.ts';
import type { CopyResult } from '../../src/vault/care/copy-backups.ts';
import type { Vault } from '../../src/vault/vault.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Outlives the vaults that are opened on it. */
class Kept extends StorageLayer {
  override async [Symbol.asyncDispose](): Promise<void> {}
}

let scratch: string;
let source: string;
let elapsedMs: number;
let storage: SimulatedColdStorage;

/** The time of this machine, and what a test lets pass on top. */
const shiftedClock: Clock = {
  nowNs: () => systemClock.nowNs() + msToNs(elapsedMs),
  sleep: (delayMs, signal) => systemClock.sleep(delayMs, signal),
};

beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'cairn-cold-'));
  source = join(scratch, 'documents');
  await mkdir(join(source, 'deep'), { recursive: true });
  await writeFile(join(source, 'a.bin'), randomBytes(300_000));
  await writeFile(join(source, 'deep', 'b.bin'), randomBytes(200_000));
  await writeFile(join(source, 'empty'), '');
  elapsedMs = 0;
  storage = simulatedCold(openMemoryStorage('cold'), { clock: shiftedClock });
  await using vault = await initVault(new Kept(storage), { ...options(), coldClass: 'GLACIER', generatedKey: true });
  await vault.backup(source);
  await writeFile(join(source, 'deep', 'c.txt'), 'later');
  await vault.backup(source);
});

afterEach(async () => {
  await rm(scratch, { recursive: true });
});

function options(): { password: string; jobs: number; cache: { folder: string } } {
  return { password: 'correct horse', jobs: 1, cache: { folder: join(scratch, 'cache') } };
}

const open = (): Promise<Vault> => openVault(new Kept(storage), options());
const out = (): string => join(scratch, 'out');

async function restore(retrieval: RetrievalOptions | undefined): Promise<RetrievalSummary | undefined> {
  await using vault = await open();
  return (await vault.restore('documents', { to: out(), retrieval })).retrieval;
}

async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => !entry.isDirectory()).map(({ name }) => name);
}

async function coldNames(): Promise<string[]> {
  const all = await Array.fromAsync(storage.list(''), ({ name }) => name);
  return all.filter((name) => storage.headers(name)['x-amz-storage-class'] !== undefined);
}

const refuse = ({ coldObjects }: RetrievalSummary): Promise<void> => Promise.reject(new Error(`no to ${coldObjects}`));

describe('a vault with a cold class', () => {
  it('B44: puts packs of data there, and nothing else', async () => {
    const packs = await Array.fromAsync(storage.list('data/'), ({ name }) => name);
    const cold = await coldNames();
    expect(cold.every((name) => packs.includes(name))).toBe(true);
    // Two backups: each has a pack of data and one of trees.
    expect([packs.length, cold.length]).toEqual([4, 2]);
  });

  it('B46: is looked at without a retrieval', async () => {
    await using vault = await open();
    const backups = await Array.fromAsync(vault.list());
    const [first, second] = backups.map(({ id }) => id);
    expect(await Array.fromAsync(vault.ls('latest', { recursive: true }))).not.toHaveLength(0);
    expect(await Array.fromAsync(vault.find('*.bin'))).not.toHaveLength(0);
    const changes: string[] = [];
    await vault.diff(first ?? '', second ?? '', { onChange: ({ entry }) => changes.push(entry.path) });
    expect(changes.some((path) => path.endsWith('c.txt'))).toBe(true);
    expect(storage.retrievals).toEqual([]);
  });

  it('takes further backups without a retrieval', async () => {
    await using vault = await open();
    await writeFile(join(source, 'd.txt'), 'new');
    const { status } = await vault.backup(source);
    expect(status).toBe('complete');
    expect(await coldNames()).toHaveLength(3);
  });

  it('is pruned without a retrieval: what nothing needs goes in whole packs', async () => {
    await using vault = await open();
    await rm(join(source, 'a.bin'));
    await writeFile(join(source, 'deep', 'c.txt'), 'much later');
    const { id } = await vault.backup(source);
    const others = (await Array.fromAsync(vault.list())).filter((backup) => backup.id !== id);
    await vault.delete(others.map((backup) => backup.id));
    const before = await coldNames();
    // The pack of the first backup is needed for b.bin alone, the one of the second for nothing.
    expect(await vault.prune({ maxUnused: { percent: 0 } })).toMatchObject({ status: 'complete' });
    expect([before.length, (await coldNames()).length, storage.retrievals]).toEqual([3, 2, []]);
  });

  it('is pruned of more than that only where it is said, and its data was retrieved', async () => {
    await using vault = await open();
    await rm(join(source, 'a.bin'));
    const { id } = await vault.backup(source);
    const others = (await Array.fromAsync(vault.list())).filter((backup) => backup.id !== id);
    await vault.delete(others.map((backup) => backup.id));
    await expect(vault.prune({ maxUnused: { percent: 0 }, repackCacheableOnly: false })).rejects.toMatchObject({
      code: 'OBJECT_COLD',
    });
  });

  it('restores nothing unless it is said how to retrieve', async () => {
    await expect(restore(undefined)).rejects.toMatchObject({ code: 'OBJECT_COLD', facts: { objects: 2 } });
    expect(storage.retrievals).toEqual([]);
  });

  it('says in a dry run what would be retrieved', async () => {
    await using vault = await open();
    const { retrieval } = await vault.restore('documents', { to: out(), dryRun: true });
    expect(retrieval).toMatchObject({ objects: 2, coldObjects: 2, retrievingObjects: 0, tier: 'standard', days: 7 });
    expect(retrieval?.coldBytes).toBeGreaterThan(500_000);
  });

  it('B32, B45: asks, ends as pending, goes on in another run, and restores what was saved', async () => {
    await expect(restore({ tier: 'bulk' })).rejects.toMatchObject({ code: 'RETRIEVAL_PENDING', retry: 'later' });
    expect(await filesIn(out())).toEqual([]);
    elapsedMs += HOUR_MS;
    await expect(restore({})).rejects.toMatchObject({
      code: 'RETRIEVAL_PENDING',
      facts: { objects: 2, requestedObjects: 0 },
    });
    expect(storage.retrievals).toHaveLength(2);
    elapsedMs += 11 * HOUR_MS;
    expect(await restore({})).toMatchObject({ coldObjects: 0, retrievingObjects: 0 });
    execFileSync('diff', ['-r', source, join(out(), 'documents')]);
  });

  it('notes in the cache of this machine what it asked for', async () => {
    await expect(restore({ tier: 'bulk' })).rejects.toMatchObject({ code: 'RETRIEVAL_PENDING' });
    await using vault = await open();
    const notes = await readFile(join(scratch, 'cache', vault.config.id, 'retrievals.json'), 'utf8');
    expect(Object.keys((JSON.parse(notes) as { retrievals: object }).retrievals).toSorted()).toEqual(
      (await coldNames()).toSorted(),
    );
  });

  it('asks only for the packs of what is restored', async () => {
    await using vault = await open();
    const some = vault.restore('documents', { to: out(), path: 'deep/c.txt', retrieval: {} });
    await expect(some).rejects.toMatchObject({ code: 'RETRIEVAL_PENDING', facts: { objects: 1 } });
  });

  it('asks for nothing where the files are there already', async () => {
    await using vault = await open();
    await vault.restore('documents', { to: scratch, overwrite: 'always', retrieval: {} });
    expect(storage.retrievals).toEqual([]);
  });

  it('B45: asks again when the copies went away', async () => {
    await expect(restore({ days: 1 })).rejects.toMatchObject({ code: 'RETRIEVAL_PENDING' });
    elapsedMs += 4 * DAY_MS;
    await expect(restore({ days: 1 })).rejects.toMatchObject({ facts: { requestedObjects: 2 } });
    expect(storage.retrievals).toHaveLength(4);
  });

  it('asks for the packs of one file, or of what is dumped, as a restore does', async () => {
    await using vault = await open();
    const retrieval = {};
    const cat = (): Promise<Uint8Array[]> => Array.fromAsync(vault.cat('documents', 'deep/c.txt', { retrieval }));
    await expect(cat()).rejects.toMatchObject({ code: 'RETRIEVAL_PENDING', facts: { objects: 1 } });
    const dump = Array.fromAsync(vault.dump('documents', '/', { format: 'tar', retrieval }));
    await expect(dump).rejects.toMatchObject({ code: 'RETRIEVAL_PENDING', facts: { objects: 2, requestedObjects: 1 } });
    elapsedMs += DAY_MS;
    expect(Buffer.concat(await cat()).toString()).toBe('later');
  });

  it('is copied once what the copy needs was retrieved', async () => {
    await using vault = await open();
    await using offsite = await initVault(openMemoryStorage(), { ...options(), generatedKey: true });
    const copy = (): Promise<CopyResult> => Promise.resolve(vault.copyTo(offsite, { retrieval: {} }));
    await expect(copy()).rejects.toMatchObject({ code: 'RETRIEVAL_PENDING', facts: { objects: 2 } });
    expect(await Array.fromAsync(offsite.list())).toEqual([]);
    elapsedMs += DAY_MS;
    expect((await copy()).copies.map(({ outcome }) => outcome)).toEqual(['copied', 'copied']);
  });

  describe('of which a part was retrieved', () => {
    let vault: Vault;
    let offsite: Vault;
    beforeEach(async () => {
      vault = await open();
      offsite = await initVault(openMemoryStorage(), { ...options(), generatedKey: true });
    });
    afterEach(async () => {
      await vault.close();
      await offsite.close();
    });

    const copy = (retrieval: RetrievalOptions = {}): Promise<CopyResult> =>
      Promise.resolve(vault.copyTo(offsite, { retrieval }));
    const copied = async (): Promise<string[]> => (await Array.fromAsync(offsite.list())).map(({ name }) => name);
    const outcomes = async (): Promise<string[]> => (await copy()).copies.map(({ outcome }) => outcome);

    it('is copied as far as backups can be read, and the rest with a later run', async () => {
      const [first] = (await Array.fromAsync(vault.list())).toSorted((a, b) => a.time.getTime() - b.time.getTime());
      const retrieved = vault.restore(first?.id ?? '', { to: out(), retrieval: {} });
      await expect(retrieved).rejects.toMatchObject({ code: 'RETRIEVAL_PENDING', facts: { objects: 1 } });
      elapsedMs += DAY_MS;
      await expect(copy()).rejects.toMatchObject({ code: 'RETRIEVAL_PENDING', facts: { objects: 1 } });
      expect(await copied()).toEqual(['documents']);
      expect(await offsite.check({ readData: 'all' })).toMatchObject({ isGood: true, snapshots: 1 });
      elapsedMs += DAY_MS;
      expect(await outcomes()).toEqual(['present', 'copied']);
    });

    it('is copied with what it shares with backups that have to wait', async () => {
      const cat = Array.fromAsync(vault.cat('documents', 'deep/c.txt', { retrieval: {} }));
      await expect(cat).rejects.toMatchObject({ code: 'RETRIEVAL_PENDING', facts: { objects: 1 } });
      elapsedMs += DAY_MS;
      // Nothing of it is new: its data came with a backup that is planned before it, and is in the cold.
      await vault.backup(join(source, 'deep', 'c.txt'));
      await expect(copy()).rejects.toMatchObject({ code: 'RETRIEVAL_PENDING' });
      expect(await copied()).toEqual(['c.txt']);
      expect(await offsite.check({ readData: 'all' })).toMatchObject({ isGood: true, snapshots: 1 });
      elapsedMs += DAY_MS;
      expect(await outcomes()).toEqual(['copied', 'copied', 'present']);
      expect(await offsite.check({ readData: 'all' })).toMatchObject({ isGood: true, snapshots: 3 });
    });

    it('is copied as far as it can be where nobody said how to retrieve the rest, which asks for nothing', async () => {
      const cat = Array.fromAsync(vault.cat('documents', 'deep/c.txt', { retrieval: {} }));
      await expect(cat).rejects.toMatchObject({ code: 'RETRIEVAL_PENDING' });
      elapsedMs += DAY_MS;
      await vault.backup(join(source, 'deep', 'c.txt'));
      const asked = storage.retrievals.length;
      await expect(vault.copyTo(offsite)).rejects.toMatchObject({
        code: 'OBJECT_COLD',
        message: expect.stringMatching(/; what could be read is copied$/u),
        hint: expect.stringContaining('`retrieval`'),
      });
      expect([await copied(), storage.retrievals.length]).toEqual([['c.txt'], asked]);
    });

    it('is copied as far as it can be where nobody agrees to ask for the rest', async () => {
      const cat = Array.fromAsync(vault.cat('documents', 'deep/c.txt', { retrieval: {} }));
      await expect(cat).rejects.toMatchObject({ code: 'RETRIEVAL_PENDING' });
      elapsedMs += DAY_MS;
      await vault.backup(join(source, 'deep', 'c.txt'));
      await expect(copy({ confirm: refuse })).rejects.toThrow('no to');
      expect(await copied()).toEqual(['c.txt']);
    });
  });

  it('asks for nothing when the user says no', async () => {
    await expect(restore({ confirm: refuse })).rejects.toThrow('no to 2');
    expect(storage.retrievals).toEqual([]);
  });
});

describe('a class for one run', () => {
  it('is taken instead of the one of the vault', async () => {
    await using vault = await openVault(new Kept(storage), { ...options(), coldClass: 'DEEP_ARCHIVE' });
    await writeFile(join(source, 'e.txt'), 'new');
    await vault.backup(source);
    const classes = (await coldNames()).map((name) => storage.headers(name)['x-amz-storage-class'] ?? '');
    expect(classes.toSorted()).toEqual(['DEEP_ARCHIVE', 'GLACIER', 'GLACIER']);
  });

  it('that cannot be one is refused', async () => {
    await expect(openVault(new Kept(storage), { ...options(), coldClass: 'so cold' })).rejects.toMatchObject({
      code: 'ARGUMENT_INVALID',
    });
  });
});

describe.each(['restic', 'restic-newest'] as const)('%s', (peer) => {
  it('reads a vault that has a cold class', async () => {
    requirePeer(peer);
    const folder = join(scratch, 'vault');
    await using vault = await initVault(folder, { ...options(), password: RESTIC_PASSWORD, coldClass: 'GLACIER' });
    await vault.backup(source);
    expect(runRestic(peer, folder, ['check', '--read-data'])).toContain('no errors were found');
  });
});
