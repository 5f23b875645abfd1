// Locks in the other storages of a mirror. Nobody sees those who looks at the first one, where all is listed; but whoever
// opens another one by itself finds it locked. Stale ones are what a program left where its lock could not be removed.
import { mapConcurrent } from '../../base/concurrency.ts';
import type { LockId } from '../../base/ids.ts';
import type { LockFile } from '../../formats/lock/lock-file.ts';
import { withinMs } from '../../storage/within-ms.ts';
import type { Repository } from '../repository.ts';
import type { LockContext } from './acquire-lock.ts';
import { ageByStorage } from './lock-age.ts';
import { listLocks, type LockRecord } from './lock-list.ts';
import { STALE_AFTER_MS, type StaleReason, staleReason } from './stale-lock.ts';

/** Nothing depends on it, so nobody waits for long. */
const WITHIN_MS = 5_000;
const AT_ONCE = 4;

/** What one of the other storages has. */
interface OtherLocks {
  readonly repository: Repository;
  readonly records: readonly LockRecord[];
}

/**
 * The locks in each other storage that took ours: by that one the age of all others there is told. What cannot be read is
 * left out, such as a lock of another vault. Never rejects.
 */
export async function readOtherLocks(context: LockContext, own: LockId): Promise<readonly OtherLocks[]> {
  const up = context.repository.origin.others?.filter(({ isDown }) => !isDown) ?? [];
  const found = await mapConcurrent(up, { limit: AT_ONCE }, async ({ storage }) => {
    const repository = context.repository.at(storage);
    let tookOurs = false;
    const ignore = (id: LockId): boolean => {
      tookOurs ||= id === own;
      return id === own;
    };
    try {
      const { locks } = await withinMs(WITHIN_MS, context, (signal) => listLocks(repository, { signal, ignore }));
      return tookOurs ? [{ repository, records: locks }] : [];
    } catch {
      return [];
    }
  });
  return found.flat();
}

/**
 * Removes what is stale there by the rule that holds for the first storage, `inFirst` being what that one has. Rejects
 * only where the caller was stopped.
 */
export async function removeStaleElsewhere(
  context: LockContext,
  own: LockId,
  inFirst: readonly LockRecord[],
  others: readonly OtherLocks[],
): Promise<void> {
  const { clock, self } = context;
  const isStale = (lock: LockFile): boolean => staleReason(lock, clock.nowNs(), self, 'proof') !== undefined;
  for (const { repository, records } of others) {
    for (const record of aloneThere(records, inFirst, isStale)) {
      try {
        await withinMs(WITHIN_MS, context, (signal) => removeIfStale({ ...context, repository, signal }, own, record));
      } catch {
        context.signal?.throwIfAborted();
        break;
      }
    }
  }
}

/**
 * What only another storage has, without files of a process that holds a lock in the first one: its refreshes may not
 * reach that storage.
 */
export function aloneThere(
  records: readonly LockRecord[],
  inFirst: readonly LockRecord[],
  isStale: (lock: LockFile) => boolean,
): readonly LockRecord[] {
  const known = new Set(inFirst.map(({ id }) => id));
  const live = inFirst.map(({ lock }) => lock).filter((lock) => !isStale(lock));
  const isHeld = ({ pid, hostname }: LockFile): boolean =>
    live.some((lock) => lock.pid === pid && lock.hostname === hostname);
  return records.filter(({ id, lock }) => !known.has(id) && !isHeld(lock));
}

async function removeIfStale(context: LockContext, own: LockId, record: LockRecord): Promise<void> {
  const { repository, signal, onNotice } = context;
  const reason = await provenReason(context, own, record);
  if (reason === undefined) return;
  await repository.removeFile('lock', record.id, { signal });
  onNotice({ type: 'stale-lock-removed', record, reason, url: repository.origin.url });
}

async function provenReason(
  { repository, mode, clock, self, signal }: LockContext,
  own: LockId,
  { id, lock }: LockRecord,
): Promise<StaleReason | undefined> {
  const reason = staleReason(lock, clock.nowNs(), self, 'proof');
  if (reason !== 'not-refreshed') return reason;
  // No conflict: left to whoever wants to be alone.
  if (mode === 'shared' && !lock.exclusive) return undefined;
  if (repository.origin.writtenAt === undefined) return reason;
  const age = await ageByStorage(repository, id, own, signal);
  return age !== undefined && age > STALE_AFTER_MS ? reason : undefined;
}
