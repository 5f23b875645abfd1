import { utf8 } from '../../base/bytes.ts';
import type { Storage } from '../../storage/storage.ts';
import { tombstoneOf } from './shelf-listing.ts';
import { finishDeletion } from './settle-shelf.ts';

/** Deletes an archive: from its first step on it is no longer listed, and whoever comes next finishes what is left. */
export async function deleteArchive(
  storage: Storage,
  object: string,
  signal: AbortSignal,
  onHidden: () => void = () => {},
): Promise<void> {
  signal.throwIfAborted();
  await storage.write(tombstoneOf(object), utf8(`${JSON.stringify({ version: 1 })}\n`), { signal });
  onHidden();
  await finishDeletion(storage, object, signal);
}
