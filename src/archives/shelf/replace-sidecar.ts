import { CairnError } from '../../base/errors.ts';
import type { Storage } from '../../storage/storage.ts';
import { decodeSidecar, encodeSidecar, type Sidecar } from '../sidecar.ts';
import { sidecarOf, tombstoneOf } from './shelf-listing.ts';

/**
 * Writes the sidecar of an archive anew, as one atomic write over the old one: at every instant one of the two is there, and
 * the archive with it. `change` gets what it says now; the caller holds the exclusive lock, or a change of another one is lost. Throws `OBJECT_MISSING` where the archive is deleted meanwhile.
 */
export async function replaceSidecar(
  storage: Storage,
  object: string,
  change: (sidecar: Sidecar) => Sidecar,
  signal: AbortSignal,
): Promise<Sidecar> {
  const name = sidecarOf(object);
  const sidecar = change(decodeSidecar(await storage.read(name, { signal })));
  if (await isGoing(storage, object, signal)) throw deleted(object);
  await storage.write(name, encodeSidecar(sidecar), { signal });
  // Who settles an earlier deletion may have no key and so no lock: a sidecar that was written after it went would stand alone.
  if (!(await isGoing(storage, object, signal))) return sidecar;
  await storage.remove(name, { signal });
  throw deleted(object);
}

async function isGoing(storage: Storage, object: string, signal: AbortSignal): Promise<boolean> {
  const isThere = (await storage.stat(object, { signal })) !== undefined;
  return !isThere || (await storage.stat(tombstoneOf(object), { signal })) !== undefined;
}

function deleted(object: string): CairnError {
  return new CairnError('OBJECT_MISSING', `the archive ${object} was deleted meanwhile`, { facts: { name: object } });
}
