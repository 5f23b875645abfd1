import { type Clock } from '../../base/clock.ts';
import { mapConcurrent } from '../../base/concurrency.ts';
import { hasCode, messageOf } from '../../base/errors.ts';
import type { LockId } from '../../base/ids.ts';
import { decodeLock, type LockFile } from '../../formats/lock/lock-file.ts';
import type { Repository } from '../repository.ts';
import { stillListed } from '../still-listed.ts';
import { damagedFile } from '../stored-file.ts';

export interface LockRecord {
  readonly id: LockId;
  readonly lock: LockFile;
}

export interface LockListing {
  readonly locks: readonly LockRecord[];
  /** Locks that could not be read, with the reason. */
  readonly unreadable: readonly { readonly id: LockId; readonly error: unknown }[];
}

interface ListOptions {
  readonly signal?: AbortSignal | undefined;
  /** Locks that are not read. */
  readonly ignore?: ((id: LockId) => boolean) | undefined;
}

// A lock that somebody is just writing to storage without atomic writes can be read half.
const RETRY_DELAYS_MS = [5_000, 10_000, 20_000];

/** Reads every lock once. Zero-length files are left-overs of interrupted uploads and ignored. */
export async function listLocks(repository: Repository, options: ListOptions = {}): Promise<LockListing> {
  const locks: LockRecord[] = [];
  const unreadable: { id: LockId; error: unknown }[] = [];
  const gone = new Set<LockId>();
  const limit = Math.max(1, repository.storage.features.connections);
  const ids = lockIds(repository, options);
  await mapConcurrent(ids, { limit, signal: options.signal }, async (id) => {
    try {
      const lock = await loadLock(repository, id, options.signal);
      if (lock === undefined) gone.add(id);
      else locks.push({ id, lock });
    } catch (error) {
      options.signal?.throwIfAborted();
      unreadable.push({ id, error });
    }
  });
  for (const id of await stillListed(repository, 'lock', gone, { signal: options.signal })) {
    unreadable.push({ id, error: new Error('the storage lists it and says that it is not there') });
  }
  return { locks, unreadable };
}

/**
 * Reads every lock. One that cannot be read is tried four times in 35 s, then the call fails: it may
 * stand for a running prune, so it is never ignored.
 */
export async function readAllLocks(
  repository: Repository,
  clock: Clock,
  options: ListOptions = {},
): Promise<readonly LockRecord[]> {
  for (const delayMs of RETRY_DELAYS_MS) {
    const { locks, unreadable } = await listLocks(repository, options);
    if (unreadable.length === 0) return locks;
    await clock.sleep(delayMs, options.signal);
  }
  const { locks, unreadable } = await listLocks(repository, options);
  const [bad] = unreadable;
  if (bad !== undefined) throw damagedFile('lock', bad.id, messageOf(bad.error), bad.error);
  return locks;
}

async function* lockIds(repository: Repository, { signal, ignore }: ListOptions): AsyncIterable<LockId> {
  for await (const { id, sizeBytes } of repository.listIds('lock', { signal })) {
    if (sizeBytes > 0 && ignore?.(id) !== true) yield id;
  }
}

// A lock that is gone between the listing and the read was released: no lock.
async function loadLock(repository: Repository, id: LockId, signal?: AbortSignal): Promise<LockFile | undefined> {
  try {
    return decodeLock(await repository.loadUnpacked('lock', id, { signal }));
  } catch (error) {
    if (hasCode(error, 'OBJECT_MISSING')) return undefined;
    throw error;
  }
}
