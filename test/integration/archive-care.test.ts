// Archives under the actions that are about backups of every form: tag, copy, cold storage.
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Clock, msToNs, systemClock } from '../../src/base/clock.ts';
import { CairnError } from '../../src/base/errors.ts';
import { Secret } from '../../src/base/secret.ts';
import { openMemoryStorage } from '../../src/storage/drivers/memory.ts';
import { faulty, type FaultyStorage } from '../../src/storage/layers/faulty.ts';
import { simulatedCold, type SimulatedColdStorage } from '../../src/storage/layers/simulated-cold.ts';
import { StorageLayer } from '../../src/storage/layers/storage-layer.ts';
import type { StorageFeatures } from '../../src/storage/storage.ts';
import type { CopyResult } from '../../src/vault/care/copy-backups.ts';
import type { Vault } from '../../src/vault/vault.ts';
import { quickVault } from '../support/quick-vault.ts';

const PASSWORD = 'correct horse';
let scratch: string;
let source: string;
let storage: FaultyStorage;
let vault: Vault;

beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'cairn-archive-care-'));
  source = join(scratch, 'site');
  await mkdir(source);
  await writeFile(join(source, 'a.txt'), 'content');
  storage = faulty(openMemoryStorage());
  vault = await quickVault(storage, PASSWORD);
});
afterEach(async () => {
  await vault.close();
  await rm(scratch, { recursive: true });
});

const tagsOf = async (id: string): Promise<readonly string[]> => (await vault.get(id)).tags;
const out = (): string => join(scratch, 'out');

describe('tags of an archive', () => {
  it('change, and the archive keeps its name and restores', async () => {
    const { id } = await vault.archive(source, { tags: ['old', 'kept'] });
    const result = await vault.tag({ add: ['new'], remove: ['old'] }, { references: ['site'] });
    expect(result).toMatchObject({ changed: [{ before: { tags: ['old', 'kept'] }, tags: ['kept', 'new'], id }] });
    expect(await tagsOf(id)).toEqual(['kept', 'new']);
    await vault.restore(id, { to: out() });
    expect((await vault.check({ readData: 'all' })).findings).toEqual([]);
  });

  it('change together with those of snapshots, and of those that match only', async () => {
    await vault.archive(source, { host: 'web' });
    await vault.archive(source, { host: 'desk', name: 'other' });
    const { id } = await vault.backup(source, { host: 'web' });
    const { changed } = await vault.tag({ add: ['x'] }, { filter: { host: 'web' } });
    expect(changed.map(({ before }) => before.form)).toEqual(['snapshot', 'archive']);
    expect(changed[0]?.before.id).toBe(id);
    expect(await tagsOf('other')).toEqual([]);
  });

  it('are only said in a dry run', async () => {
    const { id } = await vault.archive(source);
    expect(await vault.tag({ add: ['x'] }, { dryRun: true })).toMatchObject({ changed: [{ tags: ['x'], id: null }] });
    expect(await tagsOf(id)).toEqual([]);
  });

  it('hold it until it is released', async () => {
    const { id } = await vault.archive(source);
    await vault.tag({ hold: ['before-2.0'] }, { references: [id] });
    await expect(vault.delete(id)).rejects.toMatchObject({
      code: 'BACKUP_HELD',
      message: `backup ${id} is held (before-2.0)`,
    });
    await vault.release(id, { label: 'before-2.0' });
    await vault.delete(id);
    expect(await Array.fromAsync(vault.list())).toEqual([]);
  });

  it('are the old ones where they cannot be written', async () => {
    const { id } = await vault.archive(source, { tags: ['old'] });
    storage.inject({ how: 'fail', when: ({ kind, name }) => kind === 'write' && name.endsWith('.age.json') });
    await expect(vault.tag({ set: ['new'] }, { references: [id] })).rejects.toThrow();
    expect(await tagsOf(id)).toEqual(['old']);
    await vault.restore(id, { to: out() });
  });
});

const formsOf = async (of: Vault): Promise<string[]> => Array.fromAsync(of.list(), ({ form }) => form);
const outcomesOf = ({ copies }: CopyResult): string[] =>
  copies.map(({ backup, outcome }) => `${backup.form} ${outcome}`);

describe('a copy to another vault', () => {
  let far: FaultyStorage;
  let offsite: Vault;

  beforeEach(async () => {
    far = faulty(openMemoryStorage());
    offsite = await quickVault(far, 'another password');
    await vault.backup(source);
    await vault.archive(source, { tags: ['nightly'] });
    await vault.values.set('key', 1);
    await vault.values.set('key', 2);
  });
  afterEach(() => offsite.close());

  it('brings archives and values too, byte for byte, with every version', async () => {
    const result = await vault.copyTo(offsite);
    expect(outcomesOf(result)).toEqual(['snapshot copied', 'archive copied', 'value copied', 'value copied']);
    for await (const { name } of storage.list('archives/'))
      expect(await far.read(name)).toEqual(await storage.read(name));
    expect(await offsite.values.history('key')).toHaveLength(2);
    const { id } = await offsite.get('site', { filter: { tags: { all: ['nightly'] } } });
    await offsite.restore(id, { to: out(), password: new Secret(PASSWORD) });
    expect(await readFile(join(out(), 'site/a.txt'), 'utf8')).toBe('content');
    expect((await offsite.check()).findings).toEqual([]);
  });

  it('skips what is there, and brings what came since', async () => {
    await vault.copyTo(offsite);
    await vault.archive(source, { name: 'other' });
    const result = await vault.copyTo(offsite, { forms: ['archive', 'value'] });
    expect(outcomesOf(result).toSorted()).toEqual([
      'archive copied',
      'archive present',
      'value present',
      'value present',
    ]);
  });

  it('goes on after it was interrupted', async () => {
    far.inject({ how: 'fail', when: ({ kind, name }) => kind === 'write' && name.startsWith('values/'), error: full });
    await expect(vault.copyTo(offsite)).rejects.toMatchObject({ code: 'STORAGE_FULL' });
    expect(await formsOf(offsite)).toEqual(['snapshot', 'archive']);
    far.heal();
    await vault.copyTo(offsite);
    expect(await offsite.values.get('key')).toBe(2);
  });

  it('settles what an interrupted one left of its last archive, also where nothing is left to copy', async () => {
    far.inject({ how: 'fail', when: ({ kind, name }) => kind === 'remove' && name.endsWith('.writing.json') });
    await vault.copyTo(offsite, { forms: ['archive'] });
    far.heal();
    // Nobody writes it any more: its process is none that can be.
    const marker = (await Array.fromAsync(far.list('archives/'))).find(({ name }) => name.endsWith('.writing.json'));
    const { pid: _, ...rest } = JSON.parse(Buffer.from(await far.read(marker?.name ?? '')).toString()) as {
      pid: number;
    };
    await far.write(marker?.name ?? '', Buffer.from(JSON.stringify({ ...rest, pid: 2 ** 22 + 1 })));
    expect((await offsite.check()).findings.map(({ kind }) => kind)).toEqual(['archive-leftover']);
    await vault.copyTo(offsite, { forms: ['archive'] });
    expect((await offsite.check()).findings).toEqual([]);
  });

  it('is of the forms that are named, and of one backup by its name', async () => {
    await vault.copyTo(offsite, { forms: ['value'] });
    expect(await formsOf(offsite)).toEqual(['value']);
    const archive = (await Array.fromAsync(vault.list())).find(({ form }) => form === 'archive');
    await vault.copyTo(offsite, { references: [archive?.id ?? ''] });
    expect((await formsOf(offsite)).toSorted()).toEqual(['archive', 'value']);
  });

  it('says in a dry run what it would bring, and brings nothing', async () => {
    const { copies, bytes } = await vault.copyTo(offsite, { dryRun: true, forms: ['archive', 'value'] });
    expect(copies.map(({ outcome }) => outcome)).toEqual(['copied', 'copied', 'copied']);
    expect(bytes).toBeGreaterThan(0);
    expect(await formsOf(offsite)).toEqual([]);
  });

  it('spreads no damaged archive, and brings the rest', async () => {
    const archive =
      (await Array.fromAsync(storage.list('archives/'))).find(({ name }) => name.endsWith('.age'))?.name ?? '';
    const bytes = await storage.read(archive);
    await storage.write(archive, bytes.with(200, (bytes[200] ?? 0) ^ 1));
    const { copies } = await vault.copyTo(offsite);
    expect(copies).toMatchObject([{}, { outcome: 'failed', code: 'ARCHIVE_CORRUPT' }, {}, {}]);
    expect((await formsOf(offsite)).toSorted()).toEqual(['snapshot', 'value']);
    expect((await offsite.check()).findings).toEqual([]);
  });

  it('leaves archives and values out, where the other one can hold none', async () => {
    const restic = await quickVault(new ResticNamesOnly(openMemoryStorage()), 'x');
    expect(outcomesOf(await vault.copyTo(restic))).toEqual(['snapshot copied']);
    await expect(vault.copyTo(restic, { forms: ['archive'] })).rejects.toMatchObject({ code: 'NOT_SUPPORTED' });
    await restic.close();
  });
});

const full = new CairnError('STORAGE_FULL', 'no space left');

class ResticNamesOnly extends StorageLayer {
  override get features(): StorageFeatures {
    return { ...super.features, resticNamesOnly: true };
  }
}

const namesIn = (of: Vault): Promise<string[]> => Array.fromAsync(of.list(), ({ name }) => name);
const turnDown = (): Promise<void> => Promise.reject(new CairnError('CONFIRMATION_NEEDED', 'no terminal to ask on'));

describe('an archive in a cold class', () => {
  const DAY_MS = 86_400_000;
  let elapsedMs: number;
  let cold: SimulatedColdStorage;

  beforeEach(async () => {
    await vault.close();
    elapsedMs = 0;
    const clock: Clock = {
      nowNs: () => systemClock.nowNs() + msToNs(elapsedMs),
      sleep: (delayMs, signal) => systemClock.sleep(delayMs, signal),
    };
    cold = simulatedCold(openMemoryStorage(), { clock });
    vault = await quickVault(cold, PASSWORD);
  });

  it('is listed, and its restore says what must be retrieved', async () => {
    const { id } = await vault.archive(source, { coldClass: 'GLACIER' });
    expect(await Array.fromAsync(vault.list(), (backup) => backup.id)).toEqual([id]);
    await expect(vault.restore(id, { to: out() })).rejects.toMatchObject({
      code: 'OBJECT_COLD',
      facts: { objects: 1 },
    });
    expect(cold.retrievals).toEqual([]);
  });

  it('is asked for once, is pending until then, and restores', async () => {
    const { id } = await vault.archive(source, { coldClass: 'GLACIER' });
    for (let run = 0; run < 2; run++) {
      const pending = vault.restore(id, { to: out(), retrieval: {} });
      await expect(pending).rejects.toMatchObject({ code: 'RETRIEVAL_PENDING', facts: { objects: 1 } });
    }
    expect(cold.retrievals).toHaveLength(1);
    elapsedMs = DAY_MS;
    await vault.restore(id, { to: out(), retrieval: {} });
    expect(await readFile(join(out(), 'site/a.txt'), 'utf8')).toBe('content');
  });

  it('is told of by a dry run, which asks for nothing', async () => {
    const { id } = await vault.archive(source, { coldClass: 'GLACIER' });
    const result = await vault.restore(id, { to: out(), dryRun: true, retrieval: {} });
    expect(result).toMatchObject({ filesRestored: 1, retrieval: { coldObjects: 1 } });
    expect(cold.retrievals).toEqual([]);
  });

  it('becomes a snapshot when it is there', async () => {
    const { id } = await vault.archive(source, { coldClass: 'GLACIER' });
    const options = { as: 'snapshot', retrieval: {} } as const;
    await expect(vault.importArchive(id, options)).rejects.toMatchObject({ code: 'RETRIEVAL_PENDING' });
    elapsedMs = DAY_MS;
    expect((await vault.importArchive(id, options)).status).toBe('complete');
  });

  it('is asked for before it is exported', async () => {
    const { id } = await vault.archive(source, { coldClass: 'GLACIER' });
    const options = { to: () => join(scratch, 'exported'), retrieval: {} };
    await expect(vault.exportArchive(id, options)).rejects.toMatchObject({ code: 'RETRIEVAL_PENDING' });
    elapsedMs = DAY_MS;
    expect((await vault.exportArchive(id, options)).sizeBytes).toBeGreaterThan(0);
  });

  it('is asked for by whoever looks into it, with the same request, and shows what is in it once it is there', async () => {
    const { id } = await vault.archive(source, { coldClass: 'GLACIER' });
    const ls = (): Promise<string[]> => Array.fromAsync(vault.ls(id, { retrieval: {} }), ({ path }) => path);
    const cat = (): Promise<Uint8Array[]> => Array.fromAsync(vault.cat(id, 'a.txt', { retrieval: {} }));
    for (const look of [ls, cat]) await expect(look()).rejects.toMatchObject({ code: 'RETRIEVAL_PENDING' });
    expect(cold.retrievals).toHaveLength(1);
    elapsedMs = DAY_MS;
    expect(await ls()).toEqual(['/site', '/site/a.txt']);
    expect(Buffer.concat(await cat()).toString()).toBe('content');
  });

  it('is never asked for by whoever did not say how', async () => {
    const { id } = await vault.archive(source, { coldClass: 'GLACIER' });
    await expect(Array.fromAsync(vault.ls(id))).rejects.toMatchObject({ code: 'OBJECT_COLD' });
    await expect(Array.fromAsync(vault.cat(id, 'a.txt'))).rejects.toMatchObject({ code: 'OBJECT_COLD' });
    expect(cold.retrievals).toEqual([]);
  });

  it('is not taken for a damaged one by a check that reads everything', async () => {
    await vault.archive(source, { coldClass: 'GLACIER' });
    const { isGood, findings } = await vault.check({ readData: 'all' });
    expect([isGood, findings.map(({ kind }) => kind)]).toEqual([true, ['archive-unopened']]);
  });

  describe('that is copied', () => {
    let offsite: Vault;
    beforeEach(async () => {
      offsite = await quickVault(openMemoryStorage(), 'another password');
      await vault.archive(source, { name: 'cold', coldClass: 'GLACIER' });
      await vault.archive(source, { name: 'hot' });
    });
    afterEach(() => offsite.close());

    it('is asked for while the rest is copied, and comes with a later run', async () => {
      const pending = vault.copyTo(offsite, { retrieval: {} });
      await expect(pending).rejects.toMatchObject({
        code: 'RETRIEVAL_PENDING',
        facts: { objects: 1, neededObjects: 2 },
      });
      expect(await namesIn(offsite)).toEqual(['hot']);
      elapsedMs = DAY_MS;
      expect(outcomesOf(await vault.copyTo(offsite, { retrieval: {} }))).toEqual(['archive present', 'archive copied']);
      expect(cold.retrievals).toHaveLength(1);
      expect((await offsite.check({ readData: 'all', password: new Secret(PASSWORD) })).isGood).toBe(true);
    });

    it('keeps nothing else back where nobody agrees to ask for it', async () => {
      const refused = vault.copyTo(offsite, { retrieval: { confirm: turnDown } });
      await expect(refused).rejects.toMatchObject({ code: 'CONFIRMATION_NEEDED' });
      expect([await namesIn(offsite), cold.retrievals]).toEqual([['hot'], []]);
    });

    it('is told of by a dry run, which asks for nothing', async () => {
      const { retrieval } = await vault.copyTo(offsite, { dryRun: true, retrieval: {} });
      expect([retrieval?.coldObjects, cold.retrievals]).toEqual([1, []]);
    });

    it('keeps nothing else back where nobody said how to retrieve it', async () => {
      await expect(vault.copyTo(offsite)).rejects.toMatchObject({ code: 'OBJECT_COLD' });
      expect([await namesIn(offsite), cold.retrievals]).toEqual([['hot'], []]);
    });
  });
});
