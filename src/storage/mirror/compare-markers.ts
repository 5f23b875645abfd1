import { equalBytes } from '../../base/bytes.ts';
import { CairnError, hasCode } from '../../base/errors.ts';
import type { ObjectName, Storage, StorageOptions } from '../storage.ts';

/** How many markers a storage lacks, and how many it has beyond those of the first one. */
export interface MarkerDifference {
  readonly missing: number;
  readonly extra: number;
}

const KEYS = 'keys/';

export interface ComparedMarkers {
  /** Object names, and folders, which end in `/`. */
  readonly markers: readonly string[];
  /** Whether an object of such a folder counts. */
  readonly isMark: (name: ObjectName) => boolean;
}

/**
 * Compares the markers of two storages by name and size; `undefined` where they are the same. Throws `MIRROR_MISMATCH`
 * where the second holds something that cannot be a copy of the first: no key in common.
 */
export async function compareMarkers(
  first: Storage,
  other: Storage,
  { markers, isMark }: ComparedMarkers,
  options: StorageOptions,
): Promise<MarkerDifference | undefined> {
  let missing = 0;
  let extra = 0;
  for (const marker of markers) {
    const [wanted, held] = [
      await sizesOf(first, marker, isMark, options),
      await sizesOf(other, marker, isMark, options),
    ];
    const lacks = [...wanted].filter(([name, sizeBytes]) => held.get(name) !== sizeBytes).length;
    const shared = wanted.size - lacks;
    // Key files are named by their content: copies of one vault share at least one.
    if (marker === KEYS && held.size > 0 && shared === 0) throw mismatch(first, other);
    missing += lacks;
    extra += [...held.keys()].filter((name) => !wanted.has(name)).length;
    if (!marker.endsWith('/') && shared === 1 && !(await sameContent(first, other, marker, options))) missing++;
  }
  return missing + extra === 0 ? undefined : { missing, extra };
}

async function sizesOf(
  storage: Storage,
  marker: string,
  isMark: ComparedMarkers['isMark'],
  options: StorageOptions,
): Promise<Map<ObjectName, number>> {
  const sizes = new Map<ObjectName, number>();
  if (!marker.endsWith('/')) {
    const info = await storage.stat(marker, options);
    if (info !== undefined) sizes.set(info.name, info.sizeBytes);
    return sizes;
  }
  for await (const { name, sizeBytes } of storage.list(marker, options)) if (isMark(name)) sizes.set(name, sizeBytes);
  return sizes;
}

async function sameContent(first: Storage, other: Storage, name: string, options: StorageOptions): Promise<boolean> {
  try {
    return equalBytes(await first.read(name, options), await other.read(name, options));
  } catch (error) {
    if (hasCode(error, 'OBJECT_MISSING')) return false;
    throw error;
  }
}

function mismatch(first: Storage, other: Storage): CairnError {
  return new CairnError('MIRROR_MISMATCH', `${other.url} holds another vault than ${first.url}`, {
    hint: 'Give an empty place, or a copy of the same vault. Nothing was written to it.',
    facts: { first: first.url, other: other.url },
  });
}
