// What a sync asks of each shelf of a vault.
import { readArchive } from '../../archives/shelf/read-shelf.ts';
import { isComplete, listShelf, type ShelfItem } from '../../archives/shelf/shelf-listing.ts';
import type { BackupForm, CatalogBackup } from '../../catalog/catalog-backup.ts';
import { hasCode } from '../../base/errors.ts';
import { isId, type SnapshotId } from '../../base/ids.ts';
import { loadSnapshot } from '../../repository/snapshots.ts';
import type { VaultSettings } from '../vault-session.ts';
import type { ActionContext } from '../actions/backup-action.ts';
import { archiveDetails } from '../reference/backup-details.ts';
import { loadShelf } from '../../values/value-shelf.ts';
import { type ValueBackup, valueBackup } from '../values/value-backup.ts';
import { valuesContext } from '../values/values-context.ts';
import { archiveEntry, snapshotEntry, valueEntry } from './catalog-entry.ts';

/** One form of backups in a vault: which there are, and what is known of one. */
export interface CatalogShelf {
  readonly form: BackupForm;
  /** Whether one of an id stays as it is, so that a row with that id never has to be read again. */
  readonly isFixed: boolean;
  /** Ids of all backups of this form, without reading them. */
  listIds(signal: AbortSignal): AsyncIterable<string>;
  /** `undefined` where it is gone meanwhile, or damaged; the latter is told as a warning. */
  load(id: string, signal: AbortSignal): Promise<CatalogBackup | undefined>;
}

/** The shelves of a vault. A new form of backups gets its line here, and is synced. */
export function shelvesOf({ repository, settings }: Pick<ActionContext, 'repository' | 'settings'>): CatalogShelf[] {
  return [snapshotShelf(repository, settings), archiveShelf(repository, settings), valueShelf(repository, settings)];
}

/** The id of a snapshot is the hash of its file. */
function snapshotShelf(repository: ActionContext['repository'], settings: VaultSettings): CatalogShelf {
  return {
    form: 'snapshot',
    isFixed: true,
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

/** Tags are written over in the sidecar. It is small, and a list of the backups reads all of them as well. */
function archiveShelf({ origin }: ActionContext['repository'], settings: VaultSettings): CatalogShelf {
  const items = new Map<string, ShelfItem>();
  return {
    form: 'archive',
    isFixed: false,
    async *listIds(signal) {
      for (const item of await listShelf(origin, { signal })) {
        if (!isComplete(item)) continue;
        items.set(item.stored, item);
        yield item.stored;
      }
    },
    async load(id, signal) {
      const item = items.get(id);
      if (item === undefined) return undefined;
      const archive = await readArchive(origin, item, {
        signal,
        onWarning: (message) => settings.notify({ level: 'warning', message }),
      });
      return archive === undefined ? undefined : archiveEntry(archiveDetails(archive));
    },
  };
}

/** A version of a value is never changed, and its name says everything the catalog keeps. */
function valueShelf(repository: ActionContext['repository'], settings: VaultSettings): CatalogShelf {
  const versions = new Map<string, ValueBackup>();
  return {
    form: 'value',
    isFixed: true,
    async *listIds(signal) {
      const { keys } = await loadShelf(valuesContext(repository, settings), { signal });
      for (const backup of keys.flatMap((key) => key.versions.map(valueBackup))) {
        // Where two versions have one id the newer comes first, as it does for readers.
        if (versions.has(backup.id)) continue;
        versions.set(backup.id, backup);
        yield backup.id;
      }
    },
    load: async (id) => {
      const backup = versions.get(id);
      return backup === undefined ? undefined : valueEntry(backup);
    },
  };
}

function isSnapshotId(text: string): text is SnapshotId {
  return isId(text);
}
