import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  loadExtensions,
  definePlugin,
  type Logger,
  type PluginContext,
  VaultListeners,
  initVault,
} from '../../src/index.ts';
import { createCairn } from '../../src/app/cairn.ts';
import { openStorage } from '../../src/storage/open-storage.ts';
import { appliesTo, openMemoryStorage, storageConformance, type Storage } from '../../src/testing.ts';

const password = 'a password of a test';

let folder: string;
let lines: string[];
let logger: Logger;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cairn-plugins-'));
  lines = [];
  const note =
    (level: string) =>
    (message: string): void =>
      void lines.push(`${level} ${message}`);
  logger = { debug: note('debug'), info: note('info'), warn: note('warn'), error: note('error') };
});

afterEach(() => rm(folder, { recursive: true, force: true }));

/** Shelves in memory, which stay as long as the plugin's module does. */
const shelves = new Map<string, Storage>();
const shelfPlugin = definePlugin({
  name: 'shelf',
  activate({ registerStorage }) {
    registerStorage('shelf', (url) => {
      const shelf = shelves.get(url) ?? openMemoryStorage(url);
      shelves.set(url, shelf);
      return shelf;
    });
  },
});

const clockPlugin = definePlugin({
  name: 'clock',
  activate({ registerSource }: PluginContext) {
    registerSource('clock', (options) => ({
      type: 'stream',
      name: 'time.txt',
      open: async function* () {
        yield Buffer.from(`it is ${(options as { hour: number }).hour} o'clock\n`);
      },
    }));
  },
});

describe('a storage of a plugin', () => {
  it('holds vaults like any other', async () => {
    await writeFile(join(folder, 'a.txt'), 'hello\n');
    await using extensions = await loadExtensions({ plugins: [shelfPlugin] });
    {
      await using vault = await extensions.initVault('shelf://attic/one', { password, cache: false });
      await vault.backup(folder, { name: 'docs' });
    }
    await using again = await extensions.openVault('shelf://attic/one', { password, cache: false });
    const bytes = await Array.fromAsync(again.cat('docs', join(folder, 'a.txt')));
    expect(Buffer.concat(bytes).toString()).toBe('hello\n');
    expect((await again.check()).findings).toEqual([]);
  });

  it('is not known where its plugin is not', async () => {
    await using extensions = await loadExtensions();
    await expect(extensions.openVault('shelf://attic/one', { password })).rejects.toMatchObject({
      code: 'STORAGE_URL_INVALID',
    });
  });

  it('can be part of a mirror', async () => {
    await using extensions = await loadExtensions({ plugins: [shelfPlugin] });
    await using vault = await extensions.initVault('mirror:memory:plugin-mirror,shelf://attic/two', {
      password,
      cache: false,
    });
    expect(vault.mirror).toBeDefined();
    expect(await shelves.get('shelf://attic/two')?.stat('config')).toBeDefined();
  });

  it('keeps the contract of storages, opened by its URL', async ({ signal }) => {
    await using extensions = await loadExtensions({ plugins: [shelfPlugin] });
    const { features } = openMemoryStorage('features');
    const cases = storageConformance.filter((one) => appliesTo(one, features));
    let number = 0;
    const schemes = extensions.forVaults.storages;
    for (const one of cases) await one.run(() => openStorage(`shelf://case/${number++}`, { schemes }), signal);
    expect(cases.length).toBeGreaterThan(20);
  });
});

describe('a source of a plugin', () => {
  it('is backed up', async () => {
    await using extensions = await loadExtensions({ plugins: [clockPlugin] });
    await using vault = await extensions.initVault('memory:clock', { password, cache: false });
    const { name } = await vault.backup({ type: 'registered', of: 'clock', options: { hour: 3 } });
    expect(name).toBe('time.txt');
    expect(Buffer.concat(await Array.fromAsync(vault.cat('time.txt', '/time.txt'))).toString()).toBe(
      "it is 3 o'clock\n",
    );
  });

  it('that nobody registered is an error that says what there is', async () => {
    await using extensions = await loadExtensions({ plugins: [clockPlugin] });
    await using vault = await extensions.initVault('memory:no-clock', { password, cache: false });
    await expect(vault.backup({ type: 'registered', of: 'sundial' })).rejects.toMatchObject({
      code: 'ARGUMENT_INVALID',
      hint: 'Registered are: clock.',
    });
  });
});

describe('an action that is vetoed', () => {
  it('changes nothing in the vault', async () => {
    const storage = openMemoryStorage('veto');
    await using vault = await initVault(storage, { password, cache: false });
    const objects = async (): Promise<string[]> =>
      (await Array.fromAsync(storage.list(''))).map(({ name }) => name).toSorted();
    const before = await objects();
    vault.on('backup.before', ({ veto }) => veto('there is a freeze'));
    await expect(vault.backup(folder)).rejects.toMatchObject({ code: 'ACTION_VETOED' });
    expect(await objects()).toEqual(before);
  });
});

it('B61: an action on several backups has one event, and none for each', async () => {
  await using vault = await initVault('memory:bulk', { password, cache: false });
  await writeFile(join(folder, 'a.txt'), '1');
  const ids: string[] = [];
  for (const day of ['01', '02', '03', '04', '05']) {
    ids.push((await vault.backup(folder, { time: `2026-11-${day}T00:00:00Z` })).id);
  }
  const events: string[] = [];
  vault.on('delete.before', ({ options }) => events.push(`delete of ${options.references.length}`));
  vault.on('forget.before', ({ options }) =>
    events.push(`forget of ${options.plan.groups.flatMap(({ forget }) => forget).length}`),
  );
  await vault.delete(ids.slice(0, 2));
  await vault.forget(await vault.planForget({ last: 1 }));
  expect(events).toEqual(['delete of 2', 'forget of 2']);
});

it('B61: listeners can be given to all vaults that a program opens', async () => {
  const listeners = new VaultListeners();
  const heard: string[] = [];
  listeners.on('backup.done', ({ vaultUrl }) => heard.push(vaultUrl));
  for (const place of ['memory:first', 'memory:second']) {
    await using vault = await initVault(place, { password, cache: false, extensions: { listeners } });
    await vault.backup(folder);
  }
  expect(heard).toEqual(['memory:first', 'memory:second']);
});

it('B64: a logger hears of the beginning, the phases and the end of an action, and of notices', async () => {
  await using vault = await initVault('memory:logged', { password, cache: false, logger, coldClass: 'GLACIER' });
  await vault.backup(folder);
  expect(lines[0]).toMatch(/^info this storage has no classes/);
  expect(lines[1]).toBe('info backup begins');
  expect(lines.filter((line) => line.startsWith('debug backup: '))).not.toEqual([]);
  expect(lines.at(-1)).toBe('info backup is done');
  await expect(vault.backup(join(folder, 'none'))).rejects.toThrow();
  expect(lines.at(-1)).toMatch(/^error backup failed: /);
});

it('a plugin loaded from a file and a hook go with every vault of a program', async () => {
  const text = `
    import { writeFileSync } from 'node:fs';
    export const plugin = {
      name: 'noter',
      activate({ on, config, logger }) {
        on('backup.before', () => logger.info('noter hears'));
        on('backup.done', ({ result }) => writeFileSync(config.options.file, result.name));
      },
    };`;
  await writeFile(join(folder, 'noter.mjs'), text, { mode: 0o644 });
  const noted = join(folder, 'noted');
  await using extensions = await loadExtensions({
    folder,
    plugins: [{ use: './noter.mjs', options: { file: noted } }],
    hooks: { 'backup.done': [{ run: 'cat noted; echo' }] },
    logger,
  });
  expect(extensions.plugins).toEqual(['noter']);
  await using vault = await extensions.initVault('memory:noted', { password, cache: false });
  await vault.backup(folder, { name: 'project' });
  expect(lines).toContain('info noter hears');
  expect(lines).toContain('info hook backup.done: project');
});

describe('a Cairn with a configuration', () => {
  const config = {
    default: { vault: 'attic' },
    vaults: { attic: { url: 'shelf://attic/configured', password } },
    sources: { dawn: { type: 'plugin', of: 'clock', options: { hour: 6 } } },
    hooks: { 'backup.done': ['echo saved $CAIRN_BACKUP_NAME'] },
  } as const;

  it('has the storages, sources and hooks of it and of its plugins', async () => {
    const plugins = [shelfPlugin, clockPlugin];
    {
      await using extensions = await loadExtensions({ plugins });
      await using _vault = await extensions.initVault('shelf://attic/configured', { password, cache: false });
    }
    await using cairn = await createCairn({ config, plugins, logger, cwd: folder });
    expect(cairn.plugins).toEqual(['shelf', 'clock']);
    const names: string[] = [];
    cairn.on('backup.done', ({ result }) => names.push(result.name));
    const vault = await cairn.vault();
    const { source, options } = cairn.source('dawn');
    await vault.backup(source, options);
    expect(names).toEqual(['dawn']);
    expect(lines).toContain('info hook backup.done: saved dawn');
  });

  it('deactivates its plugins when it is disposed', async () => {
    const log: string[] = [];
    const leaver = definePlugin({ name: 'leaver', activate: () => {}, deactivate: () => log.push('deactivated') });
    {
      await using _cairn = await createCairn({ config: {}, plugins: [leaver], cwd: folder });
      log.push('at work');
    }
    expect(log).toEqual(['at work', 'deactivated']);
  });
});
