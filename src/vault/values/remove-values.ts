import { deleteValue, deleteVersion } from '../../values/delete-value.ts';
import { parseValueKey } from '../../values/value-key.ts';
import { loadKey, type ValuesContext } from '../../values/value-shelf.ts';
import type { ValueBackup } from './value-backup.ts';

export interface RemovedValues {
  readonly removed: readonly string[];
  /** Those that are still there, or may be. */
  readonly failed: readonly { readonly id: string; readonly error: unknown }[];
}

interface RemoveOptions {
  readonly signal?: AbortSignal | undefined;
  /** Gets the ids of those that are gone so far. */
  readonly onRemoved?: ((removed: readonly string[]) => void) | undefined;
}

/**
 * Removes versions of values. A key of which none is to stay goes at once, as with `delete`; a version that came meanwhile
 * stays. One that cannot be removed does not keep the others.
 */
export async function removeValueBackups(
  context: ValuesContext,
  backups: readonly ValueBackup[],
  { signal, onRemoved }: RemoveOptions = {},
): Promise<RemovedValues> {
  const removed: string[] = [];
  const failed: { id: string; error: unknown }[] = [];
  for (const [key, versions] of Map.groupBy(backups, ({ name }) => name)) {
    try {
      await removeOfKey(context, key, versions, signal);
      removed.push(...versions.map(({ id }) => id));
      onRemoved?.(removed);
    } catch (error) {
      signal?.throwIfAborted();
      failed.push(...versions.map(({ id }) => ({ id, error })));
    }
  }
  return { removed, failed };
}

async function removeOfKey(
  context: ValuesContext,
  key: string,
  backups: readonly ValueBackup[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const objects = new Set(backups.map(({ object }) => object));
  const { versions } = await loadKey(context, parseValueKey(key), { signal });
  if (versions.every(({ object }) => objects.has(object))) await deleteValue(context, key, { signal });
  else for (const object of objects) await deleteVersion(context, { object }, { signal });
}
