import { deleteArchive } from '../../archives/shelf/delete-archive.ts';
import { isComplete, listShelf } from '../../archives/shelf/shelf-listing.ts';
import { settleShelf } from '../../archives/shelf/settle-shelf.ts';
import type { BackupShelf, ShelfContext } from './backup-shelf.ts';
import { describeSettled } from '../archives/describe-settled.ts';

/** The archives of a vault, as far as removing them goes. What earlier runs left is settled first. */
export function archiveShelf({ repository, settings, signal }: ShelfContext): BackupShelf {
  const storage = repository.origin;
  return {
    listIds: async () => {
      const items = await listShelf(storage, { signal });
      return new Set(items.filter(isComplete).map(({ stored }) => stored));
    },
    remove: async (backups, onRemoved) => {
      const items = await listShelf(storage, { signal });
      for (const settled of await settleShelf(storage, items, { signal })) {
        settings.notify({ level: 'info', message: describeSettled(settled) });
      }
      const objects = new Map(items.filter(isComplete).map(({ stored, object }) => [stored, object]));
      const removed: string[] = [];
      const failed: { id: string; error: unknown }[] = [];
      for (const { id } of backups) {
        signal.throwIfAborted();
        const object = objects.get(id);
        try {
          if (object !== undefined) await deleteArchive(storage, object, signal);
          if (object !== undefined) removed.push(id);
        } catch (error) {
          signal.throwIfAborted();
          failed.push({ id, error });
        }
        onRemoved(removed.length);
      }
      return { removed, failed };
    },
  };
}
