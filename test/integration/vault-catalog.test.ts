import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Catalog } from '../../src/catalog/catalog.ts';
import type { CatalogRow } from '../../src/catalog/catalog-backup.ts';
import { openMemoryStorage } from '../../src/storage/drivers/memory.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { sharedStorage } from '../support/shared-storage.ts';
import { initVault, openVault } from '../../src/vault/open-vault.ts';
import type { Vault } from '../../src/vault/vault.ts';
import type { OpenVaultOptions, VaultNotice } from '../../src/vault/vault-options.ts';
import { Readable } from 'node:stream';

let scratch: string;
let storage: Storage;
let vault: Vault;
let notices: VaultNotice[];

const machine = (name: string): string => join(scratch, name, 'catalog.sqlite');

function options(file: string | false): OpenVaultOptions {
  return {
    password: 'correct horse',
    cache: false,
    catalog: file === false ? false : { file },
    jobs: 1,
    onNotice: (notice) => notices.push(notice),
  };
}

/** The vault, as another machine has it. */
function openOn(file: string | false): Promise<Vault> {
  return openVault(sharedStorage(storage), options(file));
}

function backup(name: string, text = name, tags: readonly string[] = []): ReturnType<Vault['backup']> {
  return vault.backup(Readable.from([Buffer.from(text)]), { name, tags, host: 'web' });
}

/** What a row says of its backup, without when it was written. */
function contentOf(row: CatalogRow): object {
  return { ...row, createdAt: null, updatedAt: null, deletedAt: null, isDeleted: row.deletedAt !== null };
}

async function rowsOf(of: Vault): Promise<object[]> {
  return (await of.catalog.find({ includeDeleted: true })).map(contentOf);
}

beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'cairn-vault-catalog-'));
  storage = openMemoryStorage();
  notices = [];
  vault = await initVault(sharedStorage(storage), { ...options(machine('one')), generatedKey: true });
});

afterEach(async () => {
  await vault.close();
  await rm(scratch, { recursive: true });
});

describe('the catalog of a vault', () => {
  it('B47: has a row for each backup as soon as it is made', async () => {
    const made = await backup('db.sql', 'dump', ['nightly']);
    const [row] = await vault.catalog.find();
    const { id, form, name, time, host, tags, paths, bytes, storedBytes } = made;
    expect(row).toMatchObject({
      id,
      form,
      name,
      time,
      host,
      tags,
      paths,
      bytes,
      storedBytes,
      encrypted: true,
      files: 1,
    });
    expect(row?.object).toBe(`snapshots/${id}`);
  });

  it('has a row for an archive as soon as it is made, and marks it when it is deleted', async () => {
    await writeFile(join(scratch, 'file'), 'content');
    const archive = await vault.archive(join(scratch, 'file'), { name: 'portable', tags: ['t'] });
    const { id, form, name, time, tags, bytes, storedBytes, codec, object } = archive;
    expect(await vault.catalog.find()).toMatchObject([
      {
        id,
        form,
        name,
        time,
        tags,
        bytes,
        storedBytes,
        codec,
        object,
        files: 1,
        encrypted: true,
        sha256: archive.storedSha256,
      },
    ]);
    await vault.delete(id);
    expect(await vault.catalog.find()).toEqual([]);
  });

  it('has a row for each version of a value, and marks those that are gone', async () => {
    const first = await vault.values.set('key', { n: 1 });
    const second = await vault.values.set('key', { n: 2 }, { compress: false });
    expect(await vault.catalog.find()).toMatchObject([
      { form: 'value', id: first.id, name: 'key', time: first.time, storedBytes: first.storedBytes, codec: 'gzip' },
      { form: 'value', id: second.id, bytes: 7, codec: 'none', object: second.object },
    ]);
    await vault.values.set('other', 1);
    const third = await vault.values.set('key', { n: 3 }, { keep: 1 });
    expect((await vault.catalog.find({ name: 'key' })).map(({ id }) => id)).toEqual([third.id]);
    await vault.values.delete('key');
    expect((await vault.catalog.find()).map(({ name }) => name)).toEqual(['other']);
    expect(await vault.catalog.rebuild()).toEqual({ added: 0, updated: 0, deleted: 0, unchanged: 1 });
  });

  it('B50: answers SQL', async () => {
    await backup('a');
    await backup('b');
    const rows = await vault.catalog.query('select name from live_backups where form = ? order by name', ['snapshot']);
    expect(rows).toEqual([{ name: 'a' }, { name: 'b' }]);
    await expect(vault.catalog.query('delete from backups')).rejects.toMatchObject({ code: 'QUERY_INVALID' });
  });

  it('keeps a marked row of what was deleted', async () => {
    const made = await backup('a');
    await vault.delete(made.id);
    expect(await vault.catalog.find()).toEqual([]);
    const [row] = await vault.catalog.find({ includeDeleted: true });
    expect(row?.deletedAt).toBeInstanceOf(Date);
  });

  it('has a row for each run, with its outcome', async () => {
    await backup('a');
    await vault.forget(await vault.planForget({ last: 1 }));
    await expect(vault.restore('nothing', { to: join(scratch, 'out') })).rejects.toThrow();
    await vault.tag({ add: ['x'] }, { dryRun: true });
    const runs = await vault.catalog.query('select action, status, error_code, ended_at from runs order by started_at');
    expect(runs).toMatchObject([
      { action: 'backup', status: 'ok', error_code: null, ended_at: expect.any(String) },
      { action: 'forget', status: 'ok' },
      { action: 'restore', status: 'failed', error_code: 'REF_UNKNOWN' },
    ]);
  });

  it('B14: has no row before the backup is stored, one when its end is told, and none of what failed', async () => {
    const rows: string[] = [];
    const note = async (event: string): Promise<void> => {
      rows.push(`${event}: ${(await vault.catalog.find()).map(({ name }) => name).join()}`);
    };
    vault.on('backup.before', () => note('before'));
    vault.on('backup.done', () => note('done'));
    vault.on('backup.failed', () => note('failed'));
    await backup('a');
    await expect(vault.backup({ type: 'command', command: 'false', filename: 'b' })).rejects.toThrow('false');
    expect(rows).toEqual(['before: ', 'done: a', 'before: a', 'failed: a']);
  });

  it('says in its history which run changed what', async () => {
    const sessions: string[] = [];
    vault.on('backup.before', ({ sessionId }) => sessions.push(sessionId));
    await backup('a');
    const rows = await vault.catalog.query('select change, session from history');
    expect(rows).toEqual([{ change: 'added', session: sessions[0] }]);
  });

  it('is read from the vault when it is asked for the first time', async () => {
    await backup('a');
    await using fresh = await openOn(machine('two'));
    expect(await fresh.catalog.query('select name from backups')).toEqual([{ name: 'a' }]);
  });

  it('is none where the vault was opened without one, and nothing is written', async () => {
    await using without = await openOn(false);
    expect(() => without.catalog).toThrow(expect.objectContaining({ code: 'NOT_SUPPORTED' }));
  });
});

describe('B65 B66 B67: two machines with one vault', () => {
  it('see each other’s backups, and what the other one deleted, after a sync', async () => {
    await using other = await openOn(machine('two'));
    const first = await backup('first');
    await backup('second');
    expect(await other.catalog.sync()).toEqual({ added: 2, updated: 0, deleted: 0, unchanged: 0 });
    await other.delete(first.id);
    await other.backup(Readable.from([Buffer.from('third')]), { name: 'third' });
    expect(await vault.catalog.sync()).toEqual({ added: 1, updated: 0, deleted: 1, unchanged: 1 });
    expect(await other.catalog.sync()).toEqual({ added: 0, updated: 0, deleted: 0, unchanged: 2 });
    expect(await rowsOf(other)).toEqual(await rowsOf(vault));
  });

  it('agree after an archive that both know was tagged on one of them', async () => {
    await writeFile(join(scratch, 'file'), 'content');
    const { id } = await vault.archive(join(scratch, 'file'), { tags: ['old'] });
    await using second = await openOn(machine('two'));
    await second.catalog.sync();
    await second.tag({ set: ['new'] }, { references: [id] });
    expect(await vault.catalog.sync()).toMatchObject({ added: 0, updated: 1, deleted: 0 });
    expect((await vault.catalog.find()).map(({ tags }) => tags)).toEqual([['new']]);
    expect(await vault.catalog.sync()).toMatchObject({ updated: 0, unchanged: 1 });
  });

  it('agree after a backup was changed on one of them', async () => {
    await using other = await openOn(machine('two'));
    await backup('a');
    await other.catalog.sync();
    await vault.tag({ add: ['keep'] });
    await other.catalog.sync();
    expect(await rowsOf(other)).toEqual(await rowsOf(vault));
  });
});

describe('rebuild', () => {
  it('gives the same rows when the catalog was deleted', async () => {
    await backup('a', 'a', ['x']);
    const gone = await backup('b');
    await vault.delete(gone.id);
    await vault.tag({ add: ['keep'] });
    const before = (await vault.catalog.find()).map(contentOf);
    await vault.close();
    await rm(join(scratch, 'one'), { recursive: true });
    vault = await openOn(machine('one'));
    expect(await vault.catalog.rebuild()).toEqual({ added: 1, updated: 0, deleted: 0, unchanged: 0 });
    expect(await rowsOf(vault)).toEqual(before);
  });

  it('forgets rows that the vault does not have, corrects those that differ, and keeps the runs', async () => {
    const made = await backup('a');
    await vault.delete((await backup('b')).id);
    const { id } = vault.config;
    {
      using catalog = Catalog.open(machine('one'));
      const [row] = catalog.match(made.id);
      if (row === undefined) throw new Error('not recorded');
      catalog.transaction((changes) => changes.putBackup({ ...row, host: 'wrong' }, { vault: id, at: changes.now() }));
    }
    expect(await vault.catalog.rebuild()).toEqual({ added: 0, updated: 1, deleted: 0, unchanged: 0 });
    expect(await rowsOf(vault)).toMatchObject([{ id: made.id, host: 'web', isDeleted: false }]);
    expect(await vault.catalog.query("select count(*) as n from runs where action = 'backup'")).toEqual([{ n: 2 }]);
  });
});

describe('a catalog that cannot be used', () => {
  it('stops no backup, and is told of once', async () => {
    await mkdir(machine('broken'), { recursive: true });
    await using other = await openOn(machine('broken'));
    notices = [];
    for (const name of ['a', 'b']) await other.backup(Readable.from([Buffer.from(name)]), { name });
    await other.close();
    expect(notices.map(({ level }) => level)).toEqual(['warning']);
    expect(await Array.fromAsync(vault.list())).toHaveLength(2);
    expect(await vault.catalog.sync()).toMatchObject({ added: 2 });
  });

  it('of a newer version is left alone, and stops no backup', async () => {
    await backup('a');
    await vault.close();
    using catalog = Catalog.open(machine('one'));
    expect(catalog.find()).toHaveLength(1);
    catalog.transaction(() => {});
    const { DatabaseSync } = await import('node:sqlite');
    const database = new DatabaseSync(machine('one'));
    database.exec("insert into schema_version values (99, '')");
    database.close();
    catalog[Symbol.dispose]();
    const before = await readFile(machine('one'));
    vault = await openOn(machine('one'));
    notices = [];
    await backup('b');
    await expect(vault.catalog.query('select 1')).rejects.toMatchObject({ code: 'CATALOG_UNSUPPORTED' });
    expect(notices).toMatchObject([{ level: 'warning' }]);
    expect(await readFile(machine('one'))).toEqual(before);
  });

  it('because it is damaged is set aside, and begun anew', async () => {
    await backup('a');
    await vault.close();
    await writeFile(machine('one'), 'x'.repeat(8192));
    vault = await openOn(machine('one'));
    notices = [];
    await backup('b');
    expect(await vault.catalog.query('select name from backups order by name')).toEqual([{ name: 'a' }, { name: 'b' }]);
    expect(notices).toMatchObject([{ level: 'warning' }]);
    const [aside = ''] = (await readdir(join(scratch, 'one'))).filter((name) => name.includes('damaged'));
    expect(await readFile(join(scratch, 'one', aside), 'latin1')).toBe('x'.repeat(8192));
  });

  it('because it was damaged while it is open is set aside by a rebuild', async () => {
    for (const name of ['a', 'b', 'c']) await backup(name);
    await vault.close();
    const bytes = await readFile(machine('one'));
    // The pages behind the first one, which holds the schema.
    writeFileSync(machine('one'), bytes.fill(0x5a, 4096));
    vault = await openOn(machine('one'));
    expect(await vault.catalog.rebuild()).toMatchObject({ added: 3 });
    expect(await vault.catalog.find()).toHaveLength(3);
  });
});

describe('B50: an exported catalog', () => {
  it('is the same one when it is imported elsewhere', async () => {
    await backup('a', 'a', ['x']);
    await vault.delete((await backup('b')).id);
    await vault.catalog.setSetting('sync', { url: 'x' });
    const lines = await Array.fromAsync(vault.catalog.exportJsonl());
    await using other = await openOn(machine('two'));
    await other.catalog.importJsonl(lines);
    expect(await other.catalog.find({ includeDeleted: true })).toEqual(
      await vault.catalog.find({ includeDeleted: true }),
    );
    expect(await other.catalog.getSetting('sync')).toEqual({ url: 'x' });
  });

  it('brings nothing back that is newer here, and can be imported twice', async () => {
    const made = await backup('a');
    const lines = await Array.fromAsync(vault.catalog.exportJsonl());
    await vault.delete(made.id);
    expect(await vault.catalog.importJsonl(lines)).toEqual({ added: 0, updated: 0, deleted: 0, unchanged: 1 });
    expect(await vault.catalog.find()).toEqual([]);
  });

  it.each([
    ['nothing', []],
    ['another file', ['{"name":"x"}']],
    ['a newer version', ['{"format":"cairn-catalog","version":2}']],
    ['a line that is no JSON', ['{"format":"cairn-catalog","version":1}', 'x']],
    ['a line with an unknown field', ['{"format":"cairn-catalog","version":1}', '{"type":"setting","extra":1}']],
  ])('with %s is refused whole', async (_, lines) => {
    await expect(vault.catalog.importJsonl(lines)).rejects.toThrow(TypeError);
  });
});

describe('B02: info', () => {
  it('tells the newest backup of exactly this name, and how many there are', async () => {
    await backup('db');
    await backup('db-old');
    const newest = await backup('db', 'other');
    expect(await vault.info('db')).toMatchObject({ name: 'db', latest: { id: newest.id }, versions: 2 });
    expect(await vault.info('d')).toEqual({ name: 'd', latest: null, versions: 0 });
    await vault.values.set('key', 1);
    const value = await vault.values.set('key', 2);
    expect(await vault.info('key')).toMatchObject({ latest: { id: value.id }, versions: 2 });
  });
});

it('the example of the catalog runs', async () => {
  const program = fileURLToPath(new URL('../../examples/catalog.ts', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [program]);
  expect(stdout).toBe('2 versions of notes.txt\nthe newest has 6 bytes\n2 backups as before\n');
});
