import { writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CatalogFolder } from '../../test/support/catalog-fixture.ts';
import type { Catalog } from './catalog.ts';
import { importBakthat } from './import-bakthat.ts';

let folder: CatalogFolder;
let catalog: Catalog;
let file: string;

/** Seconds that bakthat stores for a time: the wall clock of UTC, read as local time. */
function stored(iso: string): number {
  const utc = new Date(iso);
  const local = new Date(
    utc.getUTCFullYear(),
    utc.getUTCMonth(),
    utc.getUTCDate(),
    utc.getUTCHours(),
    utc.getUTCMinutes(),
    utc.getUTCSeconds(),
  );
  return local.getTime() / 1000;
}

function makeBakthat(): void {
  const database = new DatabaseSync(file);
  // The table as bakthat 0.6 makes it.
  database.exec(`create table backups (id integer not null primary key, backend varchar(255) not null,
    backend_hash varchar(255), backup_date integer not null, filename text not null, is_deleted smallint not null,
    last_updated integer not null, metadata text not null, size integer not null, stored_filename varchar(255) not null,
    tags varchar(255) not null)`);
  const insert = database.prepare(
    `insert into backups (backend, backend_hash, backup_date, filename, is_deleted, last_updated, metadata, size,
      stored_filename, tags) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const at = stored('2013-03-05T10:20:30Z');
  const deletedAt = stored('2013-04-01T00:00:00Z');
  const enc = '{"is_enc": true, "client": "laptop"}';
  insert.run('s3', 'abc', at, 'mydir', 0, at, enc, 3120, 'mydir.20130305102030.tgz.enc', 'nightly  web');
  insert.run(
    's3',
    'abc',
    at,
    'mydir',
    1,
    deletedAt,
    '{"is_enc": false, "client": "laptop"}',
    10,
    'mydir20130101000000.tgz',
    '',
  );
  insert.run('glacier', null, at, 'plain.txt', 0, at, '{"is_enc": false, "client": "laptop"}', 5, 'plain.txt', '');
  const kv = '{"KeyValue": true, "is_enc": false, "is_gzipped": true}';
  insert.run('s3', 'abc', 1_362_478_830, 'key', 0, 1_362_478_830, kv, 7, 'key', '');
  database.close();
}

beforeEach(() => {
  folder = new CatalogFolder();
  catalog = folder.open();
  file = `${folder.path}/bakthat.sqlite`;
  makeBakthat();
});

afterEach(() => {
  catalog[Symbol.dispose]();
  folder[Symbol.dispose]();
});

describe('B50: the database of bakthat', () => {
  it('B48: becomes rows of its own vaults, with times, tags and marks of what was deleted', () => {
    expect(importBakthat(catalog, file)).toEqual({ added: 4, updated: 0, deleted: 0, unchanged: 0 });
    const time = new Date('2013-03-05T10:20:30Z');
    expect(catalog.match('mydir.20130305102030.tgz.enc')).toMatchObject([
      {
        vault: 'bakthat:s3:abc',
        form: 'archive',
        name: 'mydir',
        time,
        host: 'laptop',
        tags: ['nightly', 'web'],
        storedBytes: 3120,
        encrypted: true,
        codec: 'gzip',
        updatedAt: time,
        deletedAt: null,
      },
    ]);
    expect(catalog.match('mydir2013', { includeDeleted: true })).toMatchObject([
      { time: new Date('2013-01-01T00:00:00Z'), deletedAt: new Date('2013-04-01T00:00:00Z'), encrypted: false },
    ]);
    expect(catalog.match('plain.txt')).toMatchObject([{ vault: 'bakthat:glacier:', time, codec: 'none' }]);
    expect(catalog.match('key')).toMatchObject([{ form: 'value', time, codec: 'gzip' }]);
    expect(catalog.vaults().map(({ kind }) => kind)).toEqual(['bakthat', 'bakthat']);
  });

  it('can be imported again, and brings what changed since', () => {
    importBakthat(catalog, file);
    const database = new DatabaseSync(file);
    database
      .prepare("update backups set is_deleted = 1, last_updated = ? where filename = 'plain.txt'")
      .run(stored('2014-01-01T00:00:00Z'));
    database.close();
    expect(importBakthat(catalog, file)).toEqual({ added: 0, updated: 0, deleted: 1, unchanged: 3 });
  });

  it.each([
    ['a file that is none', () => writeFileSync(file, 'x'.repeat(2000))],
    ['another database', () => new DatabaseSync(file).exec('drop table backups')],
    ['no file', () => (file = `${folder.path}/nothing`)],
  ])('that is %s is refused', (_, spoil) => {
    spoil();
    expect(() => importBakthat(catalog, file)).toThrow(TypeError);
    expect(catalog.find()).toEqual([]);
  });
});
