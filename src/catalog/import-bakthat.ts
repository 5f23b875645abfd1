// Takes over the rows of a bakthat database (`~/.bakthat.sqlite`), so that what was backed up with it is found beside
// everything else. They are rows of vaults that nobody syncs: one for each account that bakthat used.
//
//   backups: backend, backend_hash, backup_date, filename, is_deleted, last_updated, metadata (JSON), size,
//            stored_filename (unique), tags (separated by blanks)
import { existsSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import { CairnArgumentError, isCairnError, messageOf } from '../base/errors.ts';
import type { Catalog } from './catalog.ts';
import type { CatalogRow } from './catalog-backup.ts';
import { importRow } from './import-row.ts';
import type { CatalogSyncResult } from './merge-vault.ts';
import { loadSqlite } from './open-database.ts';
import { numberIn, numberOrNullIn, type RawRow, textIn, textOrNullIn } from './raw-row.ts';

/** All rows or none. The file is only read. Throws `ARGUMENT_INVALID` where it is no database of bakthat. */
export function importBakthat(catalog: Catalog, file: string): CatalogSyncResult {
  const rows = readRows(file);
  const counts = { added: 0, updated: 0, deleted: 0, unchanged: 0 };
  catalog.transaction((changes) => {
    for (const { row, backend } of rows) {
      changes.addVault({ id: row.vault, url: `bakthat:${backend}`, kind: 'bakthat' });
      counts[importRow(changes, row)]++;
    }
  });
  return counts;
}

interface BakthatRow {
  readonly row: CatalogRow;
  readonly backend: string;
}

function readRows(file: string): BakthatRow[] {
  let database: DatabaseSync | undefined;
  try {
    // SQLite would say that it cannot open it, and not why.
    if (!existsSync(file)) throw notBakthat(file, 'there is no such file');
    const { DatabaseSync } = loadSqlite();
    database = new DatabaseSync(file, { readOnly: true });
    return database.prepare('select * from backups').all().map(toRow);
  } catch (error) {
    throw isCairnError(error) ? error : notBakthat(file, messageOf(error), error);
  } finally {
    database?.close();
  }
}

function notBakthat(file: string, why: string, cause?: unknown): CairnArgumentError {
  return new CairnArgumentError(`${file} cannot be read as a database of bakthat: ${why}`, {
    hint: 'It is ~/.bakthat.sqlite unless bakthat was told otherwise.',
    ...(cause === undefined ? {} : { cause }),
  });
}

function toRow(raw: RawRow): BakthatRow {
  const backend = textIn(raw, 'backend');
  const storedName = textIn(raw, 'stored_filename');
  const metadata = metadataOf(textOrNullIn(raw, 'metadata'));
  const isValue = metadata['KeyValue'] === true;
  const time = stampOf(storedName) ?? momentOf(numberIn(raw, 'backup_date'), isValue);
  const updatedAt = momentOf(numberIn(raw, 'last_updated'), isValue);
  const row: CatalogRow = {
    vault: `bakthat:${backend}:${textOrNullIn(raw, 'backend_hash') ?? ''}`,
    form: isValue ? 'value' : 'archive',
    id: storedName,
    name: textIn(raw, 'filename'),
    time,
    host: typeof metadata['client'] === 'string' ? metadata['client'] : '',
    tags: (textOrNullIn(raw, 'tags') ?? '').split(/\s+/).filter((tag) => tag !== ''),
    paths: [],
    bytes: null,
    storedBytes: numberOrNullIn(raw, 'size'),
    files: null,
    sha256: null,
    encrypted: metadata['is_enc'] === true || storedName.endsWith('.enc'),
    codec: metadata['is_gzipped'] === true || /\.tgz(?:\.enc)?$/.test(storedName) ? 'gzip' : 'none',
    object: storedName,
    createdAt: time,
    updatedAt,
    deletedAt: raw['is_deleted'] === 1 ? updatedAt : null,
  };
  return { row, backend };
}

/** What bakthat wrote about a row; an older version wrote nothing. */
function metadataOf(json: string | null): Readonly<Record<string, unknown>> {
  if (json === null || json === '') return {};
  const value: unknown = JSON.parse(json);
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value))
    : {};
}

/** The stored name carries the time in UTC, and is right where the column is not; before 0.4.0 without a dot before it. */
function stampOf(storedName: string): Date | undefined {
  const stamp = /(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:\.tgz)?(?:\.enc)?$/.exec(storedName);
  if (stamp === null) return undefined;
  const [, year, month, day, hour, minute, second] = stamp.map(Number);
  const ms = Date.UTC(year ?? 0, (month ?? 1) - 1, day, hour, minute, second);
  return Number.isNaN(ms) ? undefined : new Date(ms);
}

/**
 * Seconds as bakthat stored them: for values since the epoch; for backups it took the time in UTC and read it as local
 * time, so that the local clock of that moment shows UTC.
 */
function momentOf(seconds: number, isValue: boolean): Date {
  const read = new Date(seconds * 1000);
  if (isValue) return read;
  return new Date(
    Date.UTC(
      read.getFullYear(),
      read.getMonth(),
      read.getDate(),
      read.getHours(),
      read.getMinutes(),
      read.getSeconds(),
    ),
  );
}
