// Brings the rows of one vault in step with what was read from it. The vault is the truth; where a row was changed by
// another process while the vault was being read, that process knew better, and its row stays as it is.
import type { CatalogChanges, RowState } from './catalog.ts';
import type { BackupForm, CatalogBackup } from './catalog-backup.ts';

/** What a sync changed. */
export interface CatalogSyncResult {
  readonly added: number;
  readonly updated: number;
  readonly deleted: number;
  readonly unchanged: number;
}

/** What a vault holds, as it was read. */
export interface VaultListing {
  readonly vault: string;
  /** From before anything was read. */
  readonly since: Date;
  /** Forms that were listed. Rows of other ones are left alone. */
  readonly forms: readonly BackupForm[];
  readonly isListed: (form: BackupForm, id: string) => boolean;
  /** Those that were read: all that the catalog did not know, and maybe others. */
  readonly backups: readonly CatalogBackup[];
}

/** Applies a listing, in the transaction of `changes`. */
export function mergeVault(changes: CatalogChanges, listing: VaultListing): CatalogSyncResult {
  const { vault, since, forms, isListed } = listing;
  const at = changes.now();
  const writer = { vault, at };
  const counts = { added: 0, updated: 0, deleted: 0, unchanged: 0 };
  const handled = new Set<string>();
  for (const backup of listing.backups) {
    handled.add(`${backup.form} ${backup.id}`);
    const row = changes.getRow(vault, backup.form, backup.id);
    const change = row !== undefined && isNewer(row, since, at) ? 'unchanged' : changes.putBackup(backup, writer);
    counts[change === 'returned' || change === 'added' ? 'added' : change]++;
  }
  for (const state of changes.rowStates(vault)) {
    if (state.isDeleted || handled.has(`${state.form} ${state.id}`) || !forms.includes(state.form)) continue;
    if (isListed(state.form, state.id) || isNewer(state, since, at)) counts.unchanged++;
    else if (changes.markDeleted(state.form, state.id, writer)) counts.deleted++;
  }
  changes.setSynced(vault, since);
  return counts;
}

/** What lies in the future was written before the clock was put back, and says nothing. */
function isNewer({ updatedAt }: Pick<RowState, 'updatedAt'>, since: Date, at: Date): boolean {
  return updatedAt >= since && updatedAt <= at;
}
