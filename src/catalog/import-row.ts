import type { CatalogChanges } from './catalog.ts';
import { type CatalogRow, changedFields, normalizeBackup } from './catalog-backup.ts';
import type { CatalogSyncResult } from './merge-vault.ts';

/** Adds a row of another catalog, or takes its version where that is newer. */
export function importRow(changes: CatalogChanges, row: CatalogRow): keyof CatalogSyncResult {
  const existing = changes.getRow(row.vault, row.form, row.id);
  if (existing !== undefined && existing.updatedAt >= row.updatedAt) return 'unchanged';
  const change = existing === undefined ? 'added' : row.deletedAt === null ? 'updated' : 'deleted';
  changes.putRow(row, existing === undefined ? [] : changedFields(existing, normalizeBackup(row)), change);
  return change;
}
