import { type Clock, systemClock } from '../../base/clock.ts';
import type { LockId } from '../../base/ids.ts';
import type { Repository } from '../repository.ts';
import { listLocks } from './lock-list.ts';
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
}

/** Removes stale locks, or all of them. */
export async function unlockRepository(repository: Repository, options: UnlockOptions = {}): Promise<UnlockResult> {
  const { all = false, signal, clock = systemClock, self = ownProcess() } = options;
  const removed: LockId[] = [];
  const remove = async (id: LockId): Promise<void> => {
    await repository.removeFile('lock', id, { signal });
    removed.push(id);
  };
  if (all) {
    const ids: LockId[] = [];
    for await (const { id } of repository.listIds('lock', { signal })) ids.push(id);
    for (const id of ids) await remove(id);
    return { removed, kept: [], unreadable: [] };
  }
  const { locks, unreadable } = await listLocks(repository, { signal });
  const kept: LockId[] = [];
  for (const { id, lock } of locks) {
    if (staleReason(lock, clock.nowNs(), self, 'hostname') === undefined) kept.push(id);
    else await remove(id);
  }
  return { removed, kept, unreadable: unreadable.map(({ id }) => id) };
}
