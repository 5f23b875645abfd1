import { equalBytes } from '../../base/bytes.ts';
import { CairnError, hasCode } from '../../base/errors.ts';
import type { ObjectName, Storage, StorageOptions } from '../storage.ts';

/** How many markers a storage lacks, and how many it has beyond those of the first one. */
export interface MarkerDifference {
  readonly missing: number;
  readonly extra: number;
}

const KEYS = 'keys/';

/**
 * Compares the markers (folders end in `/`) of two storages; `undefined` where they are the same. Throws `MIRROR_MISMATCH`
 * where the second holds something that cannot be a copy of the first: no key in common.
 */
export async function compareMarkers(
  first: Storage,
  other: Storage,
  markers: readonly string[],
  options: StorageOptions,
): Promise<MarkerDifference | undefined> {
  let missing = 0;
  let extra = 0;
  for (const marker of markers) {
    const [wanted, held] = [await namesOf(first, marker, options), await namesOf(other, marker, options)];
    const lacks = [...wanted].filter((name) => !held.has(name)).length;
    const shared = wanted.size - lacks;
    // Key files are named by their content: copies of one vault share at least one.
    if (marker === KEYS && held.size > 0 && shared === 0) throw mismatch(first, other);
    missing += lacks;
    extra += held.size - shared;
    if (!marker.endsWith('/') && shared === 1 && !(await sameContent(first, other, marker, options))) missing++;
  }
  return missing + extra === 0 ? undefined : { missing, extra };
}

async function namesOf(storage: Storage, marker: string, options: StorageOptions): Promise<Set<ObjectName>> {
  if (!marker.endsWith('/')) {
    return new Set((await storage.stat(marker, options)) === undefined ? [] : [marker]);
  }
  return new Set(await Array.fromAsync(storage.list(marker, options), ({ name }) => name));
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
