import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { backupOf, CatalogFolder, putBackups, VAULT } from '../../test/support/catalog-fixture.ts';
import { hasCode, type KnownError } from '../base/errors.ts';
import { Catalog } from './catalog.ts';
import { SCHEMA_VERSION } from './catalog-schema.ts';
import type { CatalogBackup } from './catalog-backup.ts';
import { type CatalogSyncResult, mergeVault } from './merge-vault.ts';
import { setAside } from './open-database.ts';

let folder: CatalogFolder;
let catalog: Catalog;

beforeEach(() => {
  folder = new CatalogFolder();
  catalog = folder.open();
});

afterEach(() => {
  catalog[Symbol.dispose]();
  folder[Symbol.dispose]();
});

/** What another program reads in the file. */
function rowsOf(sql: string): Record<string, unknown>[] {
  const database = new DatabaseSync(folder.file, { readOnly: true });
  try {
    return database.prepare(sql).all();
  } finally {
    database.close();
  }
}

function historyOf(): unknown[] {
  return rowsOf('select backup, change, session, fields from history order by number').map((row) => Object.values(row));
}

function damageOf(file: string): KnownError {
  try {
    Catalog.open(file)[Symbol.dispose]();
  } catch (error) {
    if (hasCode(error, 'CATALOG_DAMAGED')) return error;
  }
  throw new Error(`${file} is whole`);
}

describe('the file of a catalog', () => {
  it('is readable for its owner only, with its log', () => {
    putBackups(catalog, [backupOf('1')]);
    const modes = readdirSync(`${folder.path}/data`).map(
      (name) => statSync(`${folder.path}/data/${name}`).mode & 0o777,
    );
    expect(modes).toEqual([0o600, 0o600, 0o600]);
  });

  it('can be open in two processes that write', () => {
    using other = folder.open();
    putBackups(catalog, [backupOf('1')]);
    putBackups(other, [backupOf('2')]);
    expect(catalog.find().map(({ id }) => id)).toEqual(['1', '2']);
  });

  it('of a newer version is refused and not touched', () => {
    putBackups(catalog, [backupOf('1')]);
    catalog[Symbol.dispose]();
    const database = new DatabaseSync(folder.file);
    database.prepare('insert into schema_version values (?, ?)').run(SCHEMA_VERSION + 1, '2030-01-01T00:00:00.000Z');
    database.close();
    const before = readFileSync(folder.file);
    expect(() => folder.open()).toThrow(expect.objectContaining({ code: 'CATALOG_UNSUPPORTED' }));
    expect(readFileSync(folder.file)).toEqual(before);
  });

  it('that is another database is refused and not touched', () => {
    const file = `${folder.path}/app.db`;
    const database = new DatabaseSync(file);
    database.exec('create table mine (x)');
    database.close();
    const before = readFileSync(file);
    expect(() => Catalog.open(file)).toThrow(expect.objectContaining({ code: 'CATALOG_UNSUPPORTED' }));
    expect(readFileSync(file)).toEqual(before);
  });

  it('that is no database is called damaged', () => {
    const file = `${folder.path}/noise`;
    writeFileSync(file, 'x'.repeat(5000));
    expect(() => Catalog.open(file)).toThrow(expect.objectContaining({ code: 'CATALOG_DAMAGED' }));
  });

  it('that lacks pages is called damaged', () => {
    putBackups(
      catalog,
      Array.from({ length: 500 }, (_, at) => backupOf(String(at))),
    );
    catalog[Symbol.dispose]();
    truncateSync(folder.file, 16 * 1024);
    expect(() => {
      using opened = folder.open();
      opened.verify();
    }).toThrow(expect.objectContaining({ code: 'CATALOG_DAMAGED' }));
  });

  it('is set aside once, by the first who finds it damaged', () => {
    writeFileSync(`${folder.path}/noise`, 'x'.repeat(5000));
    const damaged = damageOf(`${folder.path}/noise`);
    const aside = setAside(`${folder.path}/noise`, damaged, new Date()) ?? '';
    expect(readFileSync(aside, 'latin1')).toBe('x'.repeat(5000));
    using fresh = Catalog.open(`${folder.path}/noise`);
    expect(setAside(`${folder.path}/noise`, damaged, new Date())).toBeUndefined();
    expect(fresh.find()).toEqual([]);
    expect(existsSync(`${folder.path}/noise`)).toBe(true);
  });

  it('that cannot be opened is unavailable', () => {
    mkdirSync(`${folder.path}/folder`);
    expect(() => Catalog.open(`${folder.path}/folder`)).toThrow(
      expect.objectContaining({ code: 'CATALOG_UNAVAILABLE' }),
    );
  });
});

describe('rows of backups', () => {
  it('B47: come back as they were put, with the times of the row', () => {
    const archive = backupOf('db.20261119T120000Z.tar.zst.age', {
      form: 'archive',
      sha256: 'ab'.repeat(32),
      codec: 'zstd',
      bytes: null,
      tags: ['b', 'a'],
      paths: ['/b', '/a'],
    });
    putBackups(catalog, [archive]);
    const [row] = catalog.find();
    expect(row).toMatchObject({ ...archive, tags: ['a', 'b'], paths: ['/a', '/b'], vault: VAULT, deletedAt: null });
    expect(row?.createdAt).toEqual(row?.updatedAt);
  });

  it('B51: a newer version of a row replaces the older one', () => {
    putBackups(catalog, [backupOf('1')]);
    putBackups(catalog, [backupOf('1', { host: 'db', tags: ['keep'] })], 'session-2');
    const [row, ...others] = catalog.find();
    expect(others).toEqual([]);
    expect(row).toMatchObject({ host: 'db', tags: ['keep'] });
    expect(row?.updatedAt.getTime()).toBeGreaterThan(row?.createdAt.getTime() ?? 0);
  });

  it('stay as they are where nothing changed', () => {
    putBackups(catalog, [backupOf('1')]);
    const before = catalog.find();
    putBackups(catalog, [backupOf('1')]);
    expect(catalog.find()).toEqual(before);
  });

  it('B34: are found by name, part of a name, host, tags and time, and removed ones only on request', () => {
    putBackups(catalog, [
      backupOf('1', { name: 'site', tags: ['nightly', 'keep'] }),
      backupOf('2', { name: 'site_old', host: 'db', time: new Date('2026-11-20T00:00:00Z') }),
      backupOf('3', { name: 'siteXold', tags: [], time: new Date('2026-11-21T00:00:00Z') }),
    ]);
    catalog.transaction((changes) => changes.markDeleted('snapshot', '3', { vault: VAULT, at: changes.now() }));
    const find = (filter: Parameters<Catalog['find']>[0]): string[] => catalog.find(filter).map(({ id }) => id);
    expect(find({ name: 'site' })).toEqual(['1']);
    expect(find({ query: 'site_', includeDeleted: true })).toEqual(['2']);
    expect(find({ query: 'site%' })).toEqual([]);
    expect(find({ host: 'db' })).toEqual(['2']);
    expect(find({ tags: { all: ['nightly', 'keep'] } })).toEqual(['1']);
    expect(find({ tags: { any: ['keep', 'nightly'] }, descending: true })).toEqual(['2', '1']);
    expect(find({ after: new Date('2026-11-20T00:00:00Z'), includeDeleted: true })).toEqual(['2', '3']);
    expect(find({ before: new Date('2026-11-19T23:00:00Z') })).toEqual(['1']);
    expect(find({ orderBy: 'updated', descending: true, includeDeleted: true, limit: 1 })).toEqual(['3']);
    expect(find({ limit: 1, offset: 1 })).toEqual(['2']);
  });

  it('B49: a word matches a whole name, a whole id and the beginning of an id, and nothing in it is a wildcard', () => {
    putBackups(catalog, [backupOf('abcd'), backupOf('abef', { name: 'abcd' }), backupOf('%x', { name: 'other' })]);
    expect(catalog.match('abcd').map(({ id }) => id)).toEqual(['abcd', 'abef']);
    expect(catalog.match('ab').map(({ id }) => id)).toEqual(['abcd', 'abef']);
    expect(catalog.match('%').map(({ id }) => id)).toEqual(['%x']);
    expect(catalog.match('document')).toEqual([]);
  });
});

describe('the history', () => {
  it('B49: holds every change of a row, with the run that did it and the fields that changed', () => {
    putBackups(catalog, [backupOf('1')], 'first');
    putBackups(catalog, [backupOf('1', { tags: [], host: 'db' })], 'second');
    putBackups(catalog, [backupOf('1', { tags: [], host: 'db' })], 'third');
    catalog.transaction((changes) => changes.markDeleted('snapshot', '1', { vault: VAULT, at: changes.now() }));
    putBackups(catalog, [backupOf('1', { tags: [], host: 'db' })], 'fourth');
    expect(historyOf()).toEqual([
      ['1', 'added', 'first', '[]'],
      ['1', 'updated', 'second', '["host","tags"]'],
      ['1', 'deleted', null, '[]'],
      ['1', 'returned', 'fourth', '[]'],
    ]);
  });

  it('cannot be edited or cut', () => {
    putBackups(catalog, [backupOf('1')]);
    const database = new DatabaseSync(folder.file);
    expect(() => database.exec("update history set change = 'deleted'")).toThrow('appended to only');
    expect(() => database.exec('delete from history')).toThrow('appended to only');
    database.close();
  });
});

function merge(since: Date, backups: readonly CatalogBackup[], ids: readonly string[]): CatalogSyncResult {
  return catalog.transaction((changes) => {
    changes.putVault({ id: VAULT, url: '/mnt/vault', kind: 'cairn' });
    return mergeVault(changes, {
      vault: VAULT,
      since,
      forms: ['snapshot'],
      isListed: (_, id) => ids.includes(id),
      backups,
    });
  });
}

describe('a merge', () => {
  it('B47: marks what is gone, adds what is new, and counts', () => {
    putBackups(catalog, [backupOf('gone'), backupOf('stays'), backupOf('changed')]);
    const result = merge(
      catalog.now(),
      [backupOf('new'), backupOf('changed', { host: 'db' })],
      ['stays', 'changed', 'new'],
    );
    expect(result).toEqual({ added: 1, updated: 1, deleted: 1, unchanged: 1 });
    const gone = catalog.find({ includeDeleted: true }).filter(({ deletedAt }) => deletedAt !== null);
    expect(gone.map(({ id }) => id)).toEqual(['gone']);
  });

  it('brings a removed backup back that is there after all', () => {
    putBackups(catalog, [backupOf('1')]);
    merge(catalog.now(), [], []);
    expect(merge(catalog.now(), [backupOf('1')], ['1'])).toMatchObject({ added: 1 });
    expect(catalog.find()).toHaveLength(1);
  });

  it('leaves a row alone that another process wrote while the vault was being read', () => {
    const since = catalog.now();
    putBackups(catalog, [backupOf('meanwhile')]);
    merge(since, [], []);
    expect(catalog.find().map(({ id }) => id)).toEqual(['meanwhile']);
  });

  it('does not bring back what another process removed while the vault was being read', () => {
    putBackups(catalog, [backupOf('1')]);
    const since = catalog.now();
    catalog.transaction((changes) => changes.markDeleted('snapshot', '1', { vault: VAULT, at: changes.now() }));
    merge(since, [backupOf('1')], ['1']);
    expect(catalog.find()).toEqual([]);
  });

  it('trusts the vault where a row is dated later than now', () => {
    using ahead = folder.open(() => new Date('2040-01-01T00:00:00Z'));
    putBackups(ahead, [backupOf('1')]);
    expect(merge(catalog.now(), [], [])).toMatchObject({ deleted: 1 });
  });

  it('leaves rows of forms alone that were not listed', () => {
    putBackups(catalog, [backupOf('a', { form: 'archive' })]);
    merge(catalog.now(), [], []);
    expect(catalog.find().map(({ id }) => id)).toEqual(['a']);
  });
});

describe('runs, proofs and settings', () => {
  const run = {
    session: 's',
    vault: VAULT,
    action: 'backup',
    host: 'web',
    pid: 1234,
    startedAt: new Date('2026-11-19T12:00:00Z'),
    endedAt: null,
    status: 'running',
    errorCode: null,
    counts: {},
  } as const;

  const proof = {
    id: 'p',
    vault: VAULT,
    form: 'snapshot',
    backup: '1',
    provedAt: new Date('2026-11-20T00:00:00Z'),
    status: 'passed',
    host: 'web',
    durationMs: 1200,
    bytes: 1000,
    errorCode: null,
    checks: { restored: 'passed' },
  } as const;

  beforeEach(() => putBackups(catalog, []));

  it('a run ends once', () => {
    const ended = { ...run, endedAt: new Date('2026-11-19T12:01:00Z'), status: 'ok', counts: { files: 3 } } as const;
    catalog.transaction((changes) => {
      changes.putRun(run);
      changes.putRun(ended);
      changes.putRun({ ...ended, status: 'failed' });
    });
    expect(catalog.runs()).toEqual([ended]);
  });

  it('a run whose process is gone is lost, and one of another host is nobody to judge', () => {
    catalog.transaction((changes) => {
      changes.putRun(run);
      changes.putRun({ ...run, session: 'alive', pid: 1 });
      changes.putRun({ ...run, session: 'elsewhere', host: 'db' });
      changes.settleLostRuns('web', (pid) => pid === 1);
    });
    const states = Object.fromEntries(catalog.runs().map(({ session, status }) => [session, status]));
    expect(states).toEqual({ s: 'lost', alive: 'running', elsewhere: 'running' });
  });

  it('a proof is kept as it was recorded', () => {
    catalog.recordProof(proof);
    catalog.recordProof({ ...proof, status: 'failed' });
    expect(catalog.proofs()).toEqual([proof]);
  });

  it('a proof that took a part of a millisecond is kept', () => {
    catalog.recordProof({ ...proof, durationMs: 12.7 });
    expect(catalog.proofs()).toMatchObject([{ durationMs: 13 }]);
  });

  it('B49: a setting is JSON, and undefined where there is none', () => {
    expect(catalog.getSetting('sync')).toBeUndefined();
    catalog.setSetting('sync', { every: 5 });
    catalog.setSetting('sync', { every: 6 });
    expect(catalog.getSetting('sync')).toEqual({ every: 6 });
  });
});
