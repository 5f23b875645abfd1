import type { StorageFeatures } from '../storage/storage.ts';

/** A disk takes a pack as fast as it comes. Of a server each connection may be slow, and several are not. */
const SPARES = { local: 1, remote: 5 };

/** Packs in memory that are on their way to a storage, beside the one that each thread fills. */
export function sparePacks({ remote, connections }: StorageFeatures): number {
  return remote ? Math.min(SPARES.remote, connections) : SPARES.local;
}
