import { CairnError, hasCode } from '../../base/errors.ts';
import { readSidecar } from '../../archives/shelf/read-shelf.ts';
import { holdsOf } from '../../retention/hold.ts';
import type { Storage } from '../../storage/storage.ts';
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
      const byId = new Map(items.filter(isComplete).map((item) => [item.stored, item]));
      const removed: string[] = [];
      // It is gone for every reader once its deletion has begun, even if that is never finished.
      const hidden: string[] = [];
      const failed: { id: string; error: unknown }[] = [];
      for (const { id, tags } of backups) {
        signal.throwIfAborted();
        const item = byId.get(id);
        try {
          if (item === undefined) continue;
          await refuseIfHeldMeanwhile(storage, item, tags, signal);
          await deleteArchive(storage, item.object, signal, () => {
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

/** Its id stays the same when an archive is held, so the plan does not know. Tags change under the lock that the caller has. */
async function refuseIfHeldMeanwhile(
  storage: Storage,
  item: ShelfItem,
  planned: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const labels = holdsOf(await tagsNow(storage, item, signal)).filter((label) => !holdsOf(planned).includes(label));
  if (labels.length === 0) return;
  throw new CairnError('BACKUP_HELD', `${item.stored} was held meanwhile (${labels.join(', ')})`, {
    facts: { backup: item.stored, labels },
  });
}

/** A sidecar that is gone or damaged holds nothing. */
async function tagsNow(storage: Storage, item: ShelfItem, signal: AbortSignal): Promise<readonly string[]> {
  try {
    return (await readSidecar(storage, item, signal)).tags;
  } catch (error) {
    if (hasCode(error, 'OBJECT_MISSING') || hasCode(error, 'ARCHIVE_CORRUPT')) return [];
    throw error;
  }
}
