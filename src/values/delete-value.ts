// Deleting a key is one write, that of a tombstone: every version that is not later is deleted from then on, for all who
// read. Then the versions go, and the tombstone last. Where that stops half way, the next one to write finishes it; it
// does no harm that two do so at once.
import { CairnError, hasCode, messageOf } from '../base/errors.ts';
import { utf8 } from '../base/bytes.ts';
import { parseValueKey, type ValueKey } from './value-key.ts';
import { formatStamp, stampAfter, tombstoneObject } from './value-name.ts';
import { loadKey, loadShelf, type StoredVersion, type ValuesContext } from './value-shelf.ts';

interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

/** Rounds of listing and removing while others go on writing. */
const MAX_ROUNDS = 10;

/**
 * Deletes all versions of a key; false where there are none. Throws `STORAGE_APPEND_ONLY`, `STORAGE_DENIED`, … before anything
 * is hidden where nothing may be removed.
 */
export async function deleteValue(context: ValuesContext, keyText: string, options: CallOptions): Promise<boolean> {
  const { storage, clock } = context;
  const { signal } = options;
  const key = parseValueKey(keyText);
  const state = await loadKey(context, key, options);
  if (state.versions.length > 0) {
    const stamp = stampAfter(Number(clock.nowNs() / 1_000_000n), state.newest);
    const tombstone = tombstoneObject(key, stamp);
    // Removing a name that does not exist shows whether removing is allowed: a tombstone that nobody can act on would
    // hide
    // the key for good.
    await storage.remove(tombstone, { signal });
    await storage.write(tombstone, utf8(`${formatStamp(stamp)}\n`), { signal });
  }
  if (state.versions.length > 0 || state.tombstones.length > 0) await finishDelete(context, key, options);
  context.onRemoved?.(state.versions);
  return state.versions.length > 0;
}

/** Removes one version. One that is gone already is no error. */
export async function deleteVersion(
  { storage }: ValuesContext,
  { object }: Pick<StoredVersion, 'object'>,
  { signal }: CallOptions,
): Promise<void> {
  await storage.remove(object, { signal });
}

/**
 * Ends what deletes left unfinished, of all keys. What cannot be ended is told and stays: it hides nothing that is there,
 * and `check` names it.
 */
export async function settleValues(context: ValuesContext, options: CallOptions): Promise<void> {
  try {
    const { keys } = await loadShelf(context, options);
    for (const { key, tombstones } of keys) {
      if (tombstones.length > 0) await finishDelete(context, key, options);
    }
  } catch (error) {
    options.signal?.throwIfAborted();
    // An append-only client leaves this to others.
    if (refusals.some((code) => hasCode(error, code))) return;
    context.warn(`a delete of values that did not end could not be ended: ${messageOf(error)}`);
  }
}

const refusals = ['STORAGE_APPEND_ONLY', 'STORAGE_READ_ONLY', 'STORAGE_DENIED'] as const;

async function finishDelete(context: ValuesContext, key: ValueKey, options: CallOptions): Promise<void> {
  const { storage } = context;
  for (let round = 1; round <= MAX_ROUNDS; round++) {
    const { deleted, tombstones } = await loadKey(context, key, options);
    // Only what a fresh listing shows to hide nothing goes: else a version that came late would be back.
    if (deleted.length === 0) {
      if (tombstones.length > 0) await storage.removeMany(tombstones, options);
      return;
    }
    await storage.removeMany(
      deleted.map(({ object }) => object),
      options,
    );
  }
  throw new CairnError('STORAGE_IO', `versions of ${JSON.stringify(key)} come back after they were removed`, {
    retry: 'later',
    facts: { key },
  });
}
