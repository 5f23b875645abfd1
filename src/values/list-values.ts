import { parseValueKey } from './value-key.ts';
import { loadKey, loadShelf, type ValuesContext } from './value-shelf.ts';
import { describeVersion, type ValueEntry, type ValueVersion } from './value-version.ts';

interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

/** Each key with its newest version, in the order of the keys. */
export async function listValues(
  context: ValuesContext,
  { prefix = '', signal }: CallOptions & { readonly prefix?: string | undefined },
): Promise<ValueEntry[]> {
  const { keys } = await loadShelf(context, { signal });
  return keys.flatMap(({ key, versions }) => {
    const [newest] = versions;
    if (newest === undefined || !key.startsWith(prefix)) return [];
    return [{ ...describeVersion(newest), versions: versions.length }];
  });
}

/** Newest first; none where there is no such key. */
export async function versionsOfKey(
  context: ValuesContext,
  keyText: string,
  options: CallOptions,
): Promise<ValueVersion[]> {
  const { versions } = await loadKey(context, parseValueKey(keyText), options);
  return versions.map(describeVersion);
}
