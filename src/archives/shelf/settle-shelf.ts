// Settles what a killed run left on the shelf. Every step may be repeated, also by several runs at once.
import { readdir, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { hasCode, systemCode } from '../../base/errors.ts';
import { isTemporaryName } from '../../storage/object-name.ts';
import type { Storage } from '../../storage/storage.ts';
import { markerOf, type ShelfItem, sidecarOf, tombstoneOf } from './shelf-listing.ts';
import { decodeMarker, isDead, type MarkerWorld, takeOver } from './writing-marker.ts';

/** What was found and settled. */
export interface SettledArchive {
  readonly object: string;
  /** `finished`: it was complete, but for its marker. `discarded`: half written. `deleted`: its deletion is done now. */
  readonly how: 'finished' | 'discarded' | 'deleted';
}

/** Settles what provably belongs to nobody any more, and returns it. An append-only storage is left as it is. */
export async function settleShelf(
  storage: Storage,
  items: readonly ShelfItem[],
  options: MarkerWorld & { readonly signal: AbortSignal },
): Promise<SettledArchive[]> {
  const settled: SettledArchive[] = [];
  for (const item of items) {
    options.signal.throwIfAborted();
    try {
      const how = await settle(storage, item, options);
      if (how !== undefined) settled.push({ object: item.object, how });
    } catch (error) {
      if (!notAllowed.some((code) => hasCode(error, code))) throw error;
    }
  }
  return settled;
}

/** Whoever may add archives and remove none leaves that to others. */
const notAllowed = ['STORAGE_APPEND_ONLY', 'STORAGE_READ_ONLY', 'STORAGE_DENIED'] as const;

async function settle(
  storage: Storage,
  item: ShelfItem,
  options: MarkerWorld & { readonly signal: AbortSignal },
): Promise<SettledArchive['how'] | undefined> {
  const { object } = item;
  const { signal } = options;
  // The listing is old by now: what was found may be settled, and the name be that of another archive.
  if (item.hasTombstone) {
    if ((await storage.stat(tombstoneOf(object), { signal })) === undefined) return undefined;
    await finishDeletion(storage, object, signal);
    return 'deleted';
  }
  if (!item.hasMarker || !(await isLeftover(storage, object, options))) return undefined;
  // A writer that is alive after all looks for its marker after writing the sidecar, so one of the two notices the
  // other.
  await takeOver(storage, object, options);
  const complete = (await storage.stat(sidecarOf(object), { signal })) !== undefined;
  if (!complete) {
    await storage.remove(object, { signal });
    await removeTemporaries(storage, object);
  }
  await storage.remove(markerOf(object), { signal });
  return complete ? 'finished' : 'discarded';
}

/** Whether the marker of an archive is one that nobody keeps any more. A marker that cannot be read is left to its writer. */
export async function isLeftover(
  storage: Storage,
  object: string,
  options: MarkerWorld & { readonly signal: AbortSignal },
): Promise<boolean> {
  try {
    return isDead(decodeMarker(await storage.read(markerOf(object), { signal: options.signal })), options);
  } catch (error) {
    if (hasCode(error, 'OBJECT_MISSING') || hasCode(error, 'ARCHIVE_CORRUPT')) return false;
    throw error;
  }
}

/**
 * The rest of a deletion whose tombstone is there; the tombstone goes last. Several may do this at once. Where it is gone before a
 * step, another one has ended the deletion, and the name may be that of a new archive by now.
 */
export async function finishDeletion(storage: Storage, object: string, signal: AbortSignal): Promise<void> {
  const tombstone = tombstoneOf(object);
  for (const name of [object, sidecarOf(object), markerOf(object)]) {
    if ((await storage.stat(tombstone, { signal })) === undefined) return;
    await storage.remove(name, { signal });
  }
  await storage.remove(tombstone, { signal });
}

/** A local storage writes under a temporary name until all is there: a killed writer can leave a large file. */
async function removeTemporaries({ features: { localPath } }: Storage, object: string): Promise<void> {
  if (localPath === undefined) return;
  const folder = join(localPath, dirname(object));
  const start = `${basename(object)}-tmp-`;
  try {
    const names = (await readdir(folder)).filter((name) => name.startsWith(start) && isTemporaryName(name));
    for (const name of names) await rm(join(folder, name), { force: true });
  } catch (error) {
    // Nothing of it was written.
    if (systemCode(error) !== 'ENOENT') throw error;
  }
}
