import { deleteArchive } from '../../archives/shelf/delete-archive.ts';
import { isComplete, listShelf, type ShelfItem } from '../../archives/shelf/shelf-listing.ts';
import { settleShelf } from '../../archives/shelf/settle-shelf.ts';
import type { BackupShelf, ShelfContext } from './backup-shelf.ts';
import { describeSettled } from '../archives/describe-settled.ts';

/** The archives of a vault, as far as removing them goes. What earlier runs left is settled first. */
export function archiveShelf({ repository, settings, signal }: ShelfContext): BackupShelf {
  const storage = repository.origin;
  const settle = async (items: readonly ShelfItem[]): Promise<void> => {
    for (const settled of await settleShelf(storage, items, { signal })) {
      settings.notify({ level: 'info', message: describeSettled(settled) });
    }
  };
  return {
    settle: async () => settle(await listShelf(storage, { signal })),
    listIds: async () => {
      const items = await listShelf(storage, { signal });
      return new Set(items.filter(isComplete).map(({ stored }) => stored));
    },
    remove: async (backups, onRemoved) => {
      const items = await listShelf(storage, { signal });
      await settle(items);
      const objects = new Map(items.filter(isComplete).map(({ stored, object }) => [stored, object]));
      const removed: string[] = [];
      // Gone for all who look once its deletion has begun, also where that does not end.
      const hidden: string[] = [];
      const failed: { id: string; error: unknown }[] = [];
      for (const { id } of backups) {
        signal.throwIfAborted();
        const object = objects.get(id);
        try {
          if (object === undefined) continue;
          await deleteArchive(storage, object, signal, () => {
            hidden.push(id);
            onRemoved(hidden);
          });
          removed.push(id);
        } catch (error) {
          signal.throwIfAborted();
          failed.push({ id, error });
        }
      }
      return { removed, failed };
    },
  };
}
