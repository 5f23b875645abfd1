import { utf8 } from '../../base/bytes.ts';
import type { Storage } from '../../storage/storage.ts';
import { finishDeletion } from './settle-shelf.ts';
import { tombstoneOf } from './shelf-listing.ts';

/**
 * Deletes an archive: from its first step on it is no longer listed, and whoever comes next finishes what is left. Throws
 * `STORAGE_APPEND_ONLY`, `STORAGE_DENIED`, … before anything is hidden where nothing may be removed.
 */
export async function deleteArchive(
  storage: Storage,
  object: string,
  signal: AbortSignal,
  onHidden: () => void = () => {},
): Promise<void> {
  signal.throwIfAborted();
  const tombstone = tombstoneOf(object);
  if ((await storage.stat(tombstone, { signal })) === undefined) {
    // Removing a name that does not exist shows whether removing is allowed: a tombstone that nobody can act on would
    // hide the archive for good.
    await storage.remove(tombstone, { signal });
    await storage.write(tombstone, utf8(`${JSON.stringify({ version: 1 })}\n`), { signal });
  }
  onHidden();
  await finishDeletion(storage, object, signal);
}
