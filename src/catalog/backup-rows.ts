import type { DatabaseSync, StatementSync } from 'node:sqlite';
import {
  type BackupForm,
  backupForms,
  type CatalogBackup,
  type CatalogRow,
  changedFields,
  normalizeBackup,
} from './catalog-backup.ts';
import {
  dateIn,
  dateOrNullIn,
  numberIn,
  numberOrNullIn,
  textIn,
  textOrNullIn,
  wordIn,
  type RawRow,
} from './raw-row.ts';

/** What became of a row. */
export type RowChange = 'added' | 'updated' | 'deleted' | 'returned' | 'unchanged';

/** Who changes rows, and when. */
export interface RowWriter {
  readonly vault: string;
  readonly at: Date;
  /** Session id of the run that does it. */
  readonly session?: string | undefined;
}

/** The tables `backups`, `backup_tags`, `backup_paths`, and the history of their changes. Callers hold a transaction. */
export class BackupRows {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  get(vault: string, form: BackupForm, id: string): CatalogRow | undefined {
    const raw = this.#sql('select * from backups where vault = ? and form = ? and id = ?').get(vault, form, id);
    return raw === undefined ? undefined : this.decode(raw);
  }

  /** Adds a backup, or brings its row up to date. */
  put(backup: CatalogBackup, writer: RowWriter): RowChange {
    const wanted = normalizeBackup(backup);
    const existing = this.get(writer.vault, wanted.form, wanted.id);
    const fields = existing === undefined ? [] : changedFields(existing, wanted);
    if (existing !== undefined && existing.deletedAt === null && fields.length === 0) return 'unchanged';
    const change = existing === undefined ? 'added' : existing.deletedAt === null ? 'updated' : 'returned';
    const createdAt = existing?.createdAt ?? writer.at;
    this.#write(wanted, { ...writer, createdAt, deletedAt: null });
    this.#note(wanted.form, wanted.id, change, fields, writer);
    return change;
  }

  /** Takes a row over as another catalog has it, with its times. */
  putRow(row: CatalogRow, fields: readonly string[], change: RowChange): void {
    const writer = { vault: row.vault, at: row.updatedAt };
    this.#write(normalizeBackup(row), { ...writer, createdAt: row.createdAt, deletedAt: row.deletedAt });
    this.#note(row.form, row.id, change, fields, writer);
  }

  /** Marks a backup as removed. False where it is not there, or was marked before. */
  markDeleted(form: BackupForm, id: string, writer: RowWriter): boolean {
    const at = writer.at.toISOString();
    const { changes } = this.#sql(
      'update backups set deleted_at = ?, updated_at = ? where vault = ? and form = ? and id = ? and deleted_at is null',
    ).run(at, at, writer.vault, form, id);
    if (changes === 0) return false;
    this.#note(form, id, 'deleted', [], writer);
    return true;
  }

  dropDeleted(vault: string): void {
    this.#sql('delete from backups where vault = ? and deleted_at is not null').run(vault);
  }

  /** A row of `select * from backups` with its tags and paths. */
  decode(raw: RawRow): CatalogRow {
    const number = numberIn(raw, 'number');
    return {
      form: wordIn(raw, 'form', backupForms),
      id: textIn(raw, 'id'),
      name: textIn(raw, 'name'),
      time: dateIn(raw, 'time'),
      host: textIn(raw, 'host'),
      tags: this.#texts('select tag as text from backup_tags where backup = ?', number),
      paths: this.#texts('select path as text from backup_paths where backup = ?', number),
      bytes: numberOrNullIn(raw, 'bytes'),
      storedBytes: numberOrNullIn(raw, 'stored_bytes'),
      files: numberOrNullIn(raw, 'files'),
      sha256: textOrNullIn(raw, 'sha256'),
      encrypted: raw['encrypted'] === 1,
      codec: textOrNullIn(raw, 'codec'),
      object: textOrNullIn(raw, 'object'),
      vault: textIn(raw, 'vault'),
      createdAt: dateIn(raw, 'created_at'),
      updatedAt: dateIn(raw, 'updated_at'),
      deletedAt: dateOrNullIn(raw, 'deleted_at'),
    };
  }

  #write(
    backup: CatalogBackup,
    { vault, at, createdAt, deletedAt }: RowWriter & { readonly createdAt: Date; readonly deletedAt: Date | null },
  ): void {
    const row = this.#sql(PUT_BACKUP).get(
      vault,
      backup.form,
      backup.id,
      backup.name,
      backup.time.toISOString(),
      backup.host,
      backup.bytes,
      backup.storedBytes,
      backup.files,
      backup.sha256,
      backup.encrypted ? 1 : 0,
      backup.codec,
      backup.object,
      createdAt.toISOString(),
      at.toISOString(),
      deletedAt === null ? null : deletedAt.toISOString(),
    );
    const number = Number(row?.['number']);
    this.#sql('delete from backup_tags where backup = ?').run(number);
    this.#sql('delete from backup_paths where backup = ?').run(number);
    for (const tag of backup.tags) this.#sql('insert into backup_tags values (?, ?)').run(number, tag);
    for (const path of backup.paths) this.#sql('insert into backup_paths values (?, ?)').run(number, path);
  }

  #note(form: BackupForm, id: string, change: RowChange, fields: readonly string[], writer: RowWriter): void {
    this.#sql(
      'insert into history (at, vault, form, backup, change, session, fields) values (?, ?, ?, ?, ?, ?, ?)',
    ).run(writer.at.toISOString(), writer.vault, form, id, change, writer.session ?? null, JSON.stringify(fields));
  }

  #texts(sql: string, number: number): string[] {
    return this.#sql(sql)
      .all(number)
      .map((row) => textIn(row, 'text'))
      .sort();
  }

  #sql(text: string): StatementSync {
    const known = this.#statements.get(text);
    if (known !== undefined) return known;
    const statement = this.#database.prepare(text);
    this.#statements.set(text, statement);
    return statement;
  }
}

const PUT_BACKUP = `
  insert into backups (vault, form, id, name, time, host, bytes, stored_bytes, files, sha256, encrypted, codec, object,
    created_at, updated_at, deleted_at)
  values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
  on conflict (vault, form, id) do update set
    name = excluded.name, time = excluded.time, host = excluded.host, bytes = excluded.bytes,
    stored_bytes = excluded.stored_bytes, files = excluded.files, sha256 = excluded.sha256,
    encrypted = excluded.encrypted, codec = excluded.codec, object = excluded.object,
    created_at = excluded.created_at, updated_at = excluded.updated_at, deleted_at = excluded.deleted_at
  returning number`;
