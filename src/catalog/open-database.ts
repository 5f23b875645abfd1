// The file of the catalog: made with rights for its owner only, brought to our version, and never touched where it is
// not ours or newer than this program.
import { closeSync, openSync, renameSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type * as sqlite from 'node:sqlite';
import type { DatabaseSync } from 'node:sqlite';
import { CairnError, isCairnError, type KnownError, messageOf, systemCode } from '../base/errors.ts';
import { makeFoldersSync } from '../base/make-folders.ts';
import { APPLICATION_ID, migrations, SCHEMA_VERSION } from './catalog-schema.ts';

/** How long a writer waits for another one: each holds the lock for milliseconds, a sync of a large vault for a second. */
const BUSY_TIMEOUT_MS = 5000;

const SQLITE_BUSY = 5;
const SQLITE_CORRUPT = 11;
const SQLITE_NOTADB = 26;

/** An open file, and which one it was: another process may put a new one in its place. */
export interface OpenDatabase {
  readonly database: DatabaseSync;
  readonly inode: bigint | undefined;
}

/**
 * Opens the catalog in `file` and makes it where there is none. Throws `CATALOG_UNSUPPORTED` for a newer one and for what
 * is no catalog, `CATALOG_DAMAGED`, `CATALOG_UNAVAILABLE`.
 */
export function openDatabase(file: string, now: () => Date): OpenDatabase {
  let inode: bigint | undefined;
  try {
    inode = inodeOf(file) ?? makeFile(file);
    const database = connect(file);
    try {
      migrate(database, file, now);
    } catch (error) {
      database.close();
      throw error;
    }
    return { database, inode };
  } catch (error) {
    throw translateError(error, file, inode);
  }
}

function inodeOf(file: string): bigint | undefined {
  return statSync(file, { bigint: true, throwIfNoEntry: false })?.ino;
}

/** SQLite would make it readable for everybody. Its -wal and -shm files take over the rights of the file itself. */
function makeFile(file: string): bigint | undefined {
  makeFoldersSync(dirname(file), 0o700);
  closeSync(openSync(file, 'a', 0o600));
  return inodeOf(file);
}

/** An SQLite error as one of ours; what is ours already stays. `inode` tells which file it was that is damaged. */
export function translateError(error: unknown, file: string, inode?: bigint): unknown {
  if (isCairnError(error)) return error;
  const code = sqliteCode(error);
  if (code === SQLITE_CORRUPT || code === SQLITE_NOTADB) {
    return new CairnError('CATALOG_DAMAGED', `the catalog ${file} is damaged: ${messageOf(error)}`, {
      hint: 'Run `cairn catalog rebuild`: the damaged file is set aside, and a new one made from the vault.',
      cause: error,
      facts: { file, ...(inode === undefined ? {} : { inode }) },
    });
  }
  if (code === undefined && systemCode(error) === undefined) return error;
  return new CairnError('CATALOG_UNAVAILABLE', `the catalog ${file} cannot be used: ${messageOf(error)}`, {
    hint: 'Make its folder writable for this user, name another file with CAIRN_CATALOG, or go without with --no-catalog.',
    retry: code === SQLITE_BUSY ? 'later' : 'never',
    cause: error,
    facts: { file },
  });
}

/**
 * Puts the damaged file that an error tells of out of the way, and returns its new name. Does nothing, and returns
 * `undefined`, where another process has done so already.
 */
export function setAside(file: string, damaged: KnownError, now: Date): string | undefined {
  const { inode } = damaged.facts;
  try {
    if (inode !== undefined && inodeOf(file) !== inode) return undefined;
    const aside = `${file}.damaged-${now.toISOString().replaceAll(/[-:.]/g, '')}`;
    renameSync(file, aside);
    // Its log belongs to it, and must not be taken for that of the new file.
    for (const suffix of ['-wal', '-shm']) moveIfThere(`${file}${suffix}`, `${aside}${suffix}`);
    return aside;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw translateError(error, file);
  }
}

/** Loaded when it is needed only, and by this name also where a bundler drops the `node:` of an import. */
export function loadSqlite(): typeof sqlite {
  // What a Node that was built without SQLite gives, the declarations leave out.
  const loaded: typeof sqlite | undefined = process.getBuiltinModule('node:sqlite');
  if (loaded !== undefined) return loaded;
  throw new CairnError('CATALOG_UNAVAILABLE', 'this Node was built without SQLite, so there can be no catalog', {
    hint: 'Use a Node from nodejs.org, or go without with --no-catalog.',
  });
}

function connect(file: string): DatabaseSync {
  const { DatabaseSync } = loadSqlite();
  const database = new DatabaseSync(file, { timeout: BUSY_TIMEOUT_MS, enableForeignKeyConstraints: true });
  // In WAL mode this loses nothing but the last rows, and those at a loss of power only: the vault has them.
  database.exec('pragma synchronous = normal');
  return database;
}

function migrate(database: DatabaseSync, file: string, now: () => Date): void {
  const before = versionOf(database, file);
  if (before === SCHEMA_VERSION) return;
  if (before > SCHEMA_VERSION) throw newerCatalog(file, before);
  if (before === 0) useLog(database);
  inTransaction(database, () => {
    // Another process may have been quicker.
    for (let version = versionOf(database, file) + 1; version <= SCHEMA_VERSION; version++) {
      database.exec(migrations[version - 1] ?? '');
      database.prepare('insert into schema_version values (?, ?)').run(version, now().toISOString());
    }
    database.exec(`pragma application_id = ${APPLICATION_ID}`);
  });
}

/** 0 for an empty file. Throws `CATALOG_UNSUPPORTED` where it holds something else than a catalog. */
function versionOf(database: DatabaseSync, file: string): number {
  const application = numberOf(database, 'pragma application_id', 'application_id');
  if (application === APPLICATION_ID) return numberOf(database, 'select max(version) as n from schema_version', 'n');
  if (application === 0 && numberOf(database, 'select count(*) as n from sqlite_schema', 'n') === 0) return 0;
  throw new CairnError('CATALOG_UNSUPPORTED', `${file} is a database, but not a catalog of Cairn; it was left alone`, {
    hint: 'Name another file with CAIRN_CATALOG.',
    facts: { file },
  });
}

function numberOf(database: DatabaseSync, sql: string, column: string): number {
  return Number(database.prepare(sql).get()?.[column] ?? 0);
}

/** Readers and one writer at once. The change of mode does not wait for others by itself, so it is tried again. */
function useLog(database: DatabaseSync): void {
  const end = Date.now() + BUSY_TIMEOUT_MS;
  for (;;) {
    try {
      database.exec('pragma journal_mode = wal');
      return;
    } catch (error) {
      if (sqliteCode(error) !== SQLITE_BUSY || Date.now() > end) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }
}

/** Runs `work` as one transaction that writes. */
export function inTransaction<T>(database: DatabaseSync, work: () => T): T {
  database.exec('begin immediate');
  try {
    const result = work();
    database.exec('commit');
    return result;
  } catch (error) {
    if (database.isTransaction) database.exec('rollback');
    throw error;
  }
}

function newerCatalog(file: string, version: number): CairnError {
  return new CairnError(
    'CATALOG_UNSUPPORTED',
    `the catalog ${file} has version ${version}, and this program knows up to ${SCHEMA_VERSION}; it was left alone`,
    {
      hint: 'Use the newer version of Cairn that made it, or name another file with CAIRN_CATALOG.',
      facts: { file, version },
    },
  );
}

function sqliteCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return undefined;
  // The lower byte; the upper ones tell more precisely.
  return error.errcode & 0xff;
}

function moveIfThere(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
  }
}
