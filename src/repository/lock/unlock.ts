import { type Clock, systemClock } from '../../base/clock.ts';
import { CairnError } from '../../base/errors.ts';
import type { LockId } from '../../base/ids.ts';
import { openBytes } from '../../formats/crypto/sealed.ts';
import type { LockFile } from '../../formats/lock/lock-file.ts';
import { readConfig } from '../open-repository.ts';
import type { Repository } from '../repository.ts';
import { listLocks, type LockRecord } from './lock-list.ts';
import { aloneThere } from './other-locks.ts';
import { ownProcess, type ProcessIdentity } from './process-identity.ts';
import { staleReason } from './stale-lock.ts';

export interface UnlockOptions {
  /** Remove every lock, also of processes that may be alive and locks that cannot be read. */
  readonly all?: boolean;
  readonly signal?: AbortSignal | undefined;
  readonly clock?: Clock | undefined;
  readonly self?: ProcessIdentity | undefined;
}

export interface UnlockResult {
  readonly removed: readonly LockId[];
  /** Locks of processes that may be alive. */
  readonly kept: readonly LockId[];
  /** Locks that could not be read and were kept. */
  readonly unreadable: readonly LockId[];
  /** Storages of a mirror, beside the first, whose locks could not be seen to. */
  readonly unreached: readonly { readonly url: string; readonly error: unknown }[];
}

interface Unlocking {
  readonly signal: AbortSignal | undefined;
  readonly isStale: (lock: LockFile) => boolean;
}

/** What was found and done so far; a lock that several storages have counts once. */
class Unlocked {
  readonly removed: Set<LockId> = new Set<LockId>();
  readonly kept: Set<LockId> = new Set<LockId>();
  readonly unreadable: Set<LockId> = new Set<LockId>();
  readonly unreached: { readonly url: string; readonly error: unknown }[] = [];

  get result(): UnlockResult {
    const { removed, kept, unreadable, unreached } = this;
    return { removed: [...removed], kept: [...kept], unreadable: [...unreadable], unreached };
  }
}

/** Removes stale locks, or all of them, from each storage of a mirror. Rejects where the first one does not do it. */
export async function unlockRepository(repository: Repository, options: UnlockOptions = {}): Promise<UnlockResult> {
  const { all = false, signal, clock = systemClock, self = ownProcess() } = options;
  const isStale = (lock: LockFile): boolean => staleReason(lock, clock.nowNs(), self, 'hostname') !== undefined;
  const done = new Unlocked();
  const inFirst = all ? [] : await unlockStale(repository, [], done, { signal, isStale });
  if (all) await unlockAll(repository, done, signal);
  for (const { storage } of repository.origin.others ?? []) {
    const other = repository.at(storage);
    try {
      if (!all) await unlockStale(other, inFirst, done, { signal, isStale });
      else {
        await assertSameVault(other, repository, signal);
        await unlockAll(other, done, signal);
      }
    } catch (error) {
      signal?.throwIfAborted();
      done.unreached.push({ url: storage.url, error });
    }
  }
  return done.result;
}

/** Returns the locks that were there. */
async function unlockStale(
  repository: Repository,
  inFirst: readonly LockRecord[],
  done: Unlocked,
  { signal, isStale }: Unlocking,
): Promise<readonly LockRecord[]> {
  const { locks, unreadable } = await listLocks(repository, { signal });
  for (const { id } of unreadable) done.unreadable.add(id);
  const alone = new Set(aloneThere(locks, inFirst, isStale));
  for (const record of locks) {
    if (alone.has(record) && isStale(record.lock)) await remove(repository, record.id, done, signal);
    else if (!done.removed.has(record.id)) done.kept.add(record.id);
  }
  return locks;
}

async function unlockAll(repository: Repository, done: Unlocked, signal: AbortSignal | undefined): Promise<void> {
  const ids: LockId[] = [];
  for await (const { id } of repository.listIds('lock', { signal })) ids.push(id);
  for (const id of ids) await remove(repository, id, done, signal);
}

async function remove(
  repository: Repository,
  id: LockId,
  done: Unlocked,
  signal: AbortSignal | undefined,
): Promise<void> {
  await repository.removeFile('lock', id, { signal });
  done.removed.add(id);
}

/** A lock that can be read proves it; of those that cannot, the vault's own file tells. */
async function assertSameVault(
  { origin, codec, key }: Repository,
  first: Repository,
  signal: AbortSignal | undefined,
): Promise<void> {
  const sealed = await readConfig(origin, { signal });
  try {
    openBytes(codec, key, sealed);
  } catch (cause) {
    throw new CairnError('MIRROR_MISMATCH', `${origin.url} holds another vault than ${first.origin.url}`, {
      hint: 'Name it by itself to remove its locks.',
      cause,
    });
  }
}
