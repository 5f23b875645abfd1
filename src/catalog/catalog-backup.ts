import { recordKeys } from '../base/record-keys.ts';

/** The forms that backups have. */
export const backupForms = ['snapshot', 'archive', 'replica', 'value'] as const;

export type BackupForm = (typeof backupForms)[number];

/** What the catalog holds of one backup: nothing but what the vault says about it, so that it can be read again from there. */
export interface CatalogBackup {
  readonly form: BackupForm;
  /** Unique in its vault among the backups of its form. */
  readonly id: string;
  readonly name: string;
  readonly time: Date;
  readonly host: string;
  readonly tags: readonly string[];
  readonly paths: readonly string[];
  /** Plain size; `null` where it was not recorded. */
  readonly bytes: number | null;
  /** What it takes in the vault, or added to it; `null` as above. */
  readonly storedBytes: number | null;
  readonly files: number | null;
  /** SHA-256 of the stored object in hexadecimal; `null` where it is no single object, or not known. */
  readonly sha256: string | null;
  readonly encrypted: boolean;
  /** How the stored object is compressed; `null` where that is not one choice for all of it. */
  readonly codec: string | null;
  /** Name of the object in the storage of its vault that makes it visible. */
  readonly object: string | null;
}

/** A row of the table `backups`, with its tags and paths. */
export interface CatalogRow extends CatalogBackup {
  /** Id of the vault. */
  readonly vault: string;
  /** When this catalog first knew of it. */
  readonly createdAt: Date;
  /** When this row last changed. */
  readonly updatedAt: Date;
  /** When it was removed, or found to be gone; `null` while it is there. */
  readonly deletedAt: Date | null;
}

/** The same backup as the catalog stores it: text that SQLite takes as it is, tags and paths once each and in order. */
export function normalizeBackup(backup: CatalogBackup): CatalogBackup {
  return {
    ...backup,
    id: wellFormed(backup.id),
    name: wellFormed(backup.name),
    host: wellFormed(backup.host),
    tags: unique(backup.tags),
    paths: unique(backup.paths),
    bytes: countOrNull(backup.bytes),
    storedBytes: countOrNull(backup.storedBytes),
    files: countOrNull(backup.files),
  };
}

/** Every field of a backup; the compiler sees to it that none is missing. */
const fields: Readonly<Record<keyof CatalogBackup, true>> = {
  form: true,
  id: true,
  name: true,
  time: true,
  host: true,
  tags: true,
  paths: true,
  bytes: true,
  storedBytes: true,
  files: true,
  sha256: true,
  encrypted: true,
  codec: true,
  object: true,
};
const fieldNames = recordKeys(fields).sort();

/** The names of the fields in which two versions of a backup differ. Both are normalized. */
export function changedFields(before: CatalogBackup, after: CatalogBackup): string[] {
  return fieldNames.filter((name) => comparable(before[name]) !== comparable(after[name]));
}

function comparable(value: CatalogBackup[keyof CatalogBackup]): unknown {
  if (value instanceof Date) return value.getTime();
  return Array.isArray(value) ? JSON.stringify(value) : value;
}

function unique(texts: readonly string[]): string[] {
  return [...new Set(texts.map(wellFormed))].sort();
}

/** Half of a surrogate pair has no UTF-8, and SQLite would store something else than it was given. */
function wellFormed(text: string): string {
  return text.toWellFormed();
}

/** What somebody wrote into a snapshot is not always a number of something. */
function countOrNull(value: number | null): number | null {
  return value !== null && Number.isSafeInteger(value) && value >= 0 ? value : null;
}
