import type { DatabaseSync, SQLInputValue } from 'node:sqlite';
import { BackupRows, type RowChange, type RowWriter } from './backup-rows.ts';
import { type BackupForm, backupForms, type CatalogBackup, type CatalogRow } from './catalog-backup.ts';
import { type CatalogFilter, findQuery, matchQuery } from './find-rows.ts';
import { inTransaction, openDatabase, translateError } from './open-database.ts';
import {
  type CatalogProof,
  type CatalogRun,
  listProofs,
  listRuns,
  putProof,
  putRun,
  settleLostRuns,
} from './run-rows.ts';
import { dateIn, dateOrNullIn, textIn, wordIn } from './raw-row.ts';

/** A vault, as the catalog knows it. */
export interface CatalogVault {
  /** Id of its repository. */
  readonly id: string;
  /** Where it was last seen, without secrets. */
  readonly url: string;
  /** `bakthat`: rows that were imported from a database of bakthat; nobody syncs them. */
  readonly kind: 'cairn' | 'bakthat';
}

/** Something an application keeps beside its backups; `value` is JSON. */
export interface CatalogSetting {
  readonly key: string;
  readonly value: unknown;
  readonly updatedAt: Date;
}

export interface OpenCatalogOptions {
  readonly now?: (() => Date) | undefined;
}

/**
 * The catalog of this machine: an SQLite database with a row for each backup of each vault. It is a copy of what the
 * vaults say and can always be made again from them. Methods are short and synchronous, each change is one transaction,
 * and several processes may have it open. What goes wrong is `CATALOG_DAMAGED`, `CATALOG_UNAVAILABLE`, `CATALOG_UNSUPPORTED`.
 */
export class Catalog implements Disposable {
  readonly file: string;
  readonly #database: DatabaseSync;
  readonly #inode: bigint | undefined;
  readonly #rows: BackupRows;
  readonly #now: () => Date;
  #latestMs = 0;

  private constructor(file: string, now: () => Date) {
    this.file = file;
    this.#now = now;
    const { database, inode } = openDatabase(file, () => this.now());
    this.#database = database;
    this.#inode = inode;
    this.#rows = new BackupRows(database);
  }

  /** Opens the catalog in a file, and makes it where there is none. */
  static open(file: string, { now = (): Date => new Date() }: OpenCatalogOptions = {}): Catalog {
    return new Catalog(file, now);
  }

  /** Never the same twice, so that of two changes by one process the later one can be told. */
  now(): Date {
    this.#latestMs = Math.max(this.#now().getTime(), this.#latestMs + 1);
    return new Date(this.#latestMs);
  }

  /** Several changes as one. */
  transaction<T>(work: (changes: CatalogChanges) => T): T {
    return this.#guarded(() =>
      inTransaction(this.#database, () => work(new CatalogChanges(this.#database, this.#rows, () => this.now()))),
    );
  }

  /** Rows that match, oldest first unless the filter says otherwise. */
  find(filter: CatalogFilter = {}): CatalogRow[] {
    const { sql, parameters } = findQuery(filter);
    return this.#rowsOf(sql, parameters);
  }

  /** Rows whose name, id or beginning of an id is `reference`, newest first. */
  match(reference: string, filter: Pick<CatalogFilter, 'vault' | 'includeDeleted'> = {}): CatalogRow[] {
    const { sql, parameters } = matchQuery(reference, filter);
    return this.#rowsOf(sql, parameters);
  }

  vaults(): (CatalogVault & { readonly syncedAt: Date | null })[] {
    const rows = this.#guarded(() => this.#database.prepare('select * from vaults order by created_at, id').all());
    return rows.map((row) => ({
      id: textIn(row, 'id'),
      url: textIn(row, 'url'),
      kind: row['kind'] === 'bakthat' ? 'bakthat' : 'cairn',
      syncedAt: dateOrNullIn(row, 'synced_at'),
    }));
  }

  runs(): CatalogRun[] {
    return this.#guarded(() => listRuns(this.#database));
  }

  proofs(): CatalogProof[] {
    return this.#guarded(() => listProofs(this.#database));
  }

  recordProof(proof: CatalogProof): void {
    this.transaction((changes) => changes.putProof(proof));
  }

  /** A setting that was kept here; `undefined` where there is none. */
  getSetting(key: string): unknown {
    const row = this.#guarded(() => this.#database.prepare('select value from settings where key = ?').get(key));
    return row === undefined ? undefined : JSON.parse(textIn(row, 'value'));
  }

  setSetting(key: string, value: unknown): void {
    this.transaction((changes) => changes.putSetting({ key, value, updatedAt: changes.now() }));
  }

  settings(): CatalogSetting[] {
    const rows = this.#guarded(() => this.#database.prepare('select * from settings order by key').all());
    return rows.map((row) => ({
      key: textIn(row, 'key'),
      value: JSON.parse(textIn(row, 'value')),
      updatedAt: dateIn(row, 'updated_at'),
    }));
  }

  /** Throws `CATALOG_DAMAGED` where the file is not whole. Reads all of it. */
  verify(): void {
    const found = this.#guarded(() => this.#database.prepare('pragma quick_check(1)').all());
    if (found.length === 1 && found[0]?.['quick_check'] === 'ok') return;
    const what = String(found[0]?.['quick_check'] ?? 'nothing can be read');
    throw translateError(Object.assign(new Error(what), { errcode: 11 }), this.file, this.#inode);
  }

  [Symbol.dispose](): void {
    if (this.#database.isOpen) this.#database.close();
  }

  #rowsOf(sql: string, parameters: readonly SQLInputValue[]): CatalogRow[] {
    return this.#guarded(() =>
      this.#database
        .prepare(sql)
        .all(...parameters)
        .map((raw) => this.#rows.decode(raw)),
    );
  }

  #guarded<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw translateError(error, this.file, this.#inode);
    }
  }
}

/** What can be changed, within one transaction. */
export class CatalogChanges {
  readonly #database: DatabaseSync;
  readonly #rows: BackupRows;
  readonly now: () => Date;

  constructor(database: DatabaseSync, rows: BackupRows, now: () => Date) {
    this.#database = database;
    this.#rows = rows;
    this.now = now;
  }

  /** The same where nothing is known of the vault yet: otherwise what this machine knows stays. */
  addVault(vault: CatalogVault): void {
    const known = this.#database.prepare('select 1 from vaults where id = ?').get(vault.id);
    if (known === undefined) this.putVault(vault);
  }

  /** Comes before the first row of a vault. */
  putVault({ id, url, kind }: CatalogVault): void {
    const at = this.now().toISOString();
    this.#database
      .prepare(
        `insert into vaults (id, url, kind, created_at, updated_at) values (?, ?, ?, ?, ?)
         on conflict (id) do update set url = excluded.url, updated_at = excluded.updated_at
         where vaults.url <> excluded.url`,
      )
      .run(id, url, kind, at, at);
  }

  /** When the rows of a vault were last compared with it; `null`: they have to be. */
  setSynced(vault: string, at: Date | null): void {
    this.#database
      .prepare('update vaults set synced_at = ? where id = ?')
      .run(at === null ? null : at.toISOString(), vault);
  }

  getRow(vault: string, form: BackupForm, id: string): CatalogRow | undefined {
    return this.#rows.get(vault, form, id);
  }

  /** Every row of a vault, also of removed backups, as little of each as a comparison needs. */
  *rowStates(vault: string): Generator<RowState, void, undefined> {
    const rows = this.#database
      .prepare('select form, id, updated_at, deleted_at from backups where vault = ?')
      .all(vault);
    for (const row of rows) {
      yield {
        form: wordIn(row, 'form', backupForms),
        id: textIn(row, 'id'),
        updatedAt: dateIn(row, 'updated_at'),
        isDeleted: row['deleted_at'] !== null,
      };
    }
  }

  putBackup(backup: CatalogBackup, writer: RowWriter): RowChange {
    return this.#rows.put(backup, writer);
  }

  putRow(row: CatalogRow, fields: readonly string[], change: RowChange): void {
    this.#rows.putRow(row, fields, change);
  }

  markDeleted(form: BackupForm, id: string, writer: RowWriter): boolean {
    return this.#rows.markDeleted(form, id, writer);
  }

  /** Forgets the rows of removed backups. The history stays. */
  dropDeleted(vault: string): void {
    this.#rows.dropDeleted(vault);
  }

  putRun(run: CatalogRun): void {
    putRun(this.#database, run);
  }

  settleLostRuns(host: string, isAlive: (pid: number) => boolean): number {
    return settleLostRuns(this.#database, { host, at: this.now(), isAlive });
  }

  putProof(proof: CatalogProof): void {
    putProof(this.#database, proof);
  }

  /** The newer one stays. */
  putSetting({ key, value, updatedAt }: CatalogSetting): void {
    this.#database
      .prepare(
        `insert into settings values (?, ?, ?) on conflict (key) do update
         set value = excluded.value, updated_at = excluded.updated_at where excluded.updated_at > settings.updated_at`,
      )
      .run(key, JSON.stringify(value), updatedAt.toISOString());
  }
}

/** What a comparison needs to know of a row. */
export interface RowState {
  readonly form: BackupForm;
  readonly id: string;
  readonly updatedAt: Date;
  readonly isDeleted: boolean;
}
