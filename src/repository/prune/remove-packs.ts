// The last step of a prune: packs that are in no index file any more. What cannot be removed harms nobody, and the next
// prune tries again.
import { mapConcurrent } from '../../base/concurrency.ts';
import { isCairnError, messageOf } from '../../base/errors.ts';
import { objectName } from '../layout.ts';
import type { Repository } from '../repository.ts';
import type { PackFile } from './prune-plan.ts';

export interface RemovePacksOptions {
  readonly signal?: AbortSignal | undefined;
  /** Gets the number of packs that were tried so far. */
  readonly onProgress?: ((tried: number) => void) | undefined;
}

export interface RemovedPacks {
  readonly removed: readonly PackFile[];
  /** How many are still there, or may be, and why the first of them is. */
  readonly failed: { readonly packs: number; readonly message: string } | undefined;
}

/** Names in one call: as many as a few requests take, so that there is progress to tell. */
const BATCH = 1000;

/** Removes all that can be removed: a pack that is locked, or not ours, does not keep the others. */
export async function removePacks(
  { storage }: Repository,
  packs: readonly PackFile[],
  { signal, onProgress }: RemovePacksOptions,
): Promise<RemovedPacks> {
  const removed: PackFile[] = [];
  let firstError: unknown;
  /** The storage does not answer, after all the tries there are. */
  let isGone = false;
  const noteFailure = (error: unknown): void => {
    signal?.throwIfAborted();
    firstError ??= error;
    isGone ||= isCairnError(error) && error.retry === 'later';
  };
  const removeOne = async (file: PackFile): Promise<void> => {
    if (isGone) return;
    try {
      await storage.remove(objectName('pack', file.id), { signal });
      removed.push(file);
    } catch (error) {
      noteFailure(error);
    }
  };
  for (let at = 0; at < packs.length; at += BATCH) {
    if (isGone) break;
    const batch = packs.slice(at, at + BATCH);
    try {
      await storage.removeMany(
        batch.map(({ id }) => objectName('pack', id)),
        { signal },
      );
      removed.push(...batch);
    } catch (error) {
      noteFailure(error);
      // One by one tells which: those that are gone by now are no error.
      await mapConcurrent(batch, { limit: Math.max(1, storage.features.connections), signal }, removeOne);
    }
    onProgress?.(Math.min(packs.length, at + BATCH));
  }
  if (removed.length === packs.length) return { removed, failed: undefined };
  return { removed, failed: { packs: packs.length - removed.length, message: messageOf(firstError) } };
}
