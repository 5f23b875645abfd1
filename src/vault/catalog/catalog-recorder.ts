import type { BackupForm, CatalogBackup } from '../../catalog/catalog-backup.ts';

/**
 * How an action of a vault tells the catalog what it did, right after each thing became durable. Nothing here waits or
 * throws: the catalog is written when the event loop is next free, and one that cannot be written stops no action.
 */
export interface CatalogRecorder {
  /** A backup is there, new or changed. */
  recordBackup(backup: CatalogBackup): void;
  /** Backups are gone. */
  recordDeleted(form: BackupForm, ids: readonly string[]): void;
}
