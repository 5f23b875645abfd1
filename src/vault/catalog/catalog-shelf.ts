// What a sync asks of each shelf of a vault.
import type { BackupForm, CatalogBackup } from '../../catalog/catalog-backup.ts';
import { hasCode } from '../../base/errors.ts';
import { isId, type SnapshotId } from '../../base/ids.ts';
import { loadSnapshot } from '../../repository/snapshots.ts';
import type { VaultSettings } from '../vault-session.ts';
import type { ActionContext } from '../actions/backup-action.ts';
import { snapshotEntry } from './catalog-entry.ts';

/** One form of backups in a vault: which there are, and what is known of one. */
export interface CatalogShelf {
  readonly form: BackupForm;
  /** Ids of all backups of this form, without reading them. */
  listIds(signal: AbortSignal): AsyncIterable<string>;
  /** `undefined` where it is gone meanwhile, or damaged; the latter is told as a warning. */
  load(id: string, signal: AbortSignal): Promise<CatalogBackup | undefined>;
}

/** The shelves of a vault. A new form of backups gets its line here, and is synced. */
export function shelvesOf({ repository, settings }: Pick<ActionContext, 'repository' | 'settings'>): CatalogShelf[] {
  return [snapshotShelf(repository, settings)];
}

/** The id of a snapshot is the hash of its file: a row with that id never has to be read again. */
function snapshotShelf(repository: ActionContext['repository'], settings: VaultSettings): CatalogShelf {
  return {
    form: 'snapshot',
    async *listIds(signal) {
      for await (const { id } of repository.listIds('snapshot', { signal })) yield id;
    },
    async load(id, signal) {
      if (!isSnapshotId(id)) return undefined;
      try {
        return snapshotEntry(await loadSnapshot(repository, id, { signal }));
      } catch (error) {
        if (hasCode(error, 'SNAPSHOT_CORRUPT')) settings.notify({ level: 'warning', message: error.message });
        else if (!hasCode(error, 'OBJECT_MISSING')) throw error;
        return undefined;
      }
    },
  };
}

function isSnapshotId(text: string): text is SnapshotId {
  return isId(text);
}
