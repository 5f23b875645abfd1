import type { Clock } from '../../base/clock.ts';
import { CairnError } from '../../base/errors.ts';
import { shortId, type LockId } from '../../base/ids.ts';
import { formatGoTime, localGoTime } from '../../formats/go-time.ts';
import { encodeLock } from '../../formats/lock/lock-file.ts';
import type { Repository } from '../repository.ts';
import { ageByStorage } from './lock-age.ts';
import { type LockRecord, readAllLocks } from './lock-list.ts';
import { clearingAway, onceStopped } from './once-stopped.ts';
import { readOtherLocks, removeStaleElsewhere } from './other-locks.ts';
import type { ProcessIdentity } from './process-identity.ts';
import { STALE_AFTER_MS, type StaleReason, staleReason } from './stale-lock.ts';
import { settleMs } from './settling.ts';

/** `shared` locks stand side by side (backup, restore, reading); `exclusive` tolerates no other (prune, check, …). */
export type LockMode = 'shared' | 'exclusive';

/** What a lock tells while it is taken and held. */
export type LockNotice =
  | {
      readonly type: 'stale-lock-removed';
      readonly record: LockRecord;
      readonly reason: StaleReason;
      /** The storage of a mirror that alone had it. */
      readonly url?: string;
    }
  | { readonly type: 'waiting-for-lock'; readonly record: LockRecord; readonly delayMs: number }
  | { readonly type: 'refresh-failed'; readonly error: unknown }
  | { readonly type: 'release-failed'; readonly id: LockId; readonly error: unknown };

/** A lock of this process that ends where another one begins. */
export interface GivenUpLock extends AsyncDisposable {
  /** Stops refreshing: from then on it has no file but those it knows. */
  endRefreshing(): Promise<void>;
  /** Whether a file is one of this lock, or was. */
  owns(id: LockId): boolean;
}

/** All that lock code needs to know about the world. */
export interface LockContext {
  readonly repository: Repository;
  readonly mode: LockMode;
  readonly clock: Clock;
  readonly self: ProcessIdentity;
  readonly signal?: AbortSignal | undefined;
  readonly onNotice: (notice: LockNotice) => void;
  /** See `LockOptions`. */
  readonly instead?: GivenUpLock | undefined;
  readonly onLook?: ((isFree: boolean) => void) | undefined;
  readonly onWritten?: ((afterMs: number) => void) | undefined;
}

/**
 * Takes a lock as restic does: look, write the own lock file, wait until it has settled, look again. Unlike restic it
 * removes provably stale locks on the way, also where only another storage of a mirror has them. Throws `VAULT_LOCKED`
 * when somebody holds a lock that excludes this one.
 */
export async function acquireLock(context: LockContext): Promise<LockId> {
  const { repository, clock, signal } = context;
  const startedAt = clock.nowNs();
  const { isFree } = await firstLook(context);
  context.onLook?.(isFree);
  signal?.throwIfAborted();
  const id = await writeLock(context);
  try {
    context.onWritten?.(Number(clock.nowNs() - startedAt) / 1e6);
    const elsewhere = readOtherLocks(context, id);
    const [look] = await Promise.allSettled([secondLook(context, id), elsewhere]);
    if (look.status === 'rejected') throw look.reason;
    await removeStaleElsewhere(context, id, look.value.records, await elsewhere);
    return id;
  } catch (error) {
    // The lock has to go, above all when the caller was stopped.
    const remove = (limit: AbortSignal): Promise<void> => repository.removeFile('lock', id, { signal: limit });
    await clearingAway(signal, clock, remove).catch((failed: unknown) => {
      context.onNotice({ type: 'release-failed', id, error: failed });
    });
    throw error;
  }
}

/**
 * Writes a lock file that carries the present time. A stop does not end it half way while the storage answers: a lock file
 * whose name nobody knows would stay behind.
 */
export function writeLock({ repository, mode, clock, self, signal }: LockContext): Promise<LockId> {
  const { hostname, username, pid, uid, gid, pidSpace } = self;
  const time = localGoTime(clock.nowNs());
  const json = encodeLock({ time, exclusive: mode === 'exclusive', hostname, username, pid, uid, gid, pidSpace });
  return onceStopped(signal, clock, (limit) => repository.saveUnpacked('lock', json, { signal: limit }));
}

/**
 * The lock that this one takes the place of goes beside it, whatever the look finds: of two who change from a shared lock to an
 * exclusive one nobody waits for the other. Only this look passes over it; the second one proves that it is gone.
 * Not free where a lock stays until the second look whose holder may be alive.
 */
async function firstLook(context: LockContext): Promise<Look> {
  const { instead } = context;
  await instead?.endRefreshing();
  const giveUp = instead?.[Symbol.asyncDispose]();
  try {
    return await assertNoConflict(context, undefined);
  } finally {
    await giveUp;
  }
}

async function secondLook(context: LockContext, own: LockId): Promise<Look> {
  await context.clock.sleep(await settleMs(context.repository.origin), context.signal);
  return assertNoConflict(context, own);
}

interface Look {
  readonly isFree: boolean;
  /** The locks of others that were there. */
  readonly records: readonly LockRecord[];
}

async function assertNoConflict(context: LockContext, own: LockId | undefined): Promise<Look> {
  const { repository, mode, clock, self, signal, instead } = context;
  const ignore = (id: LockId): boolean => id === own || (own === undefined && instead?.owns(id) === true);
  const records = await readAllLocks(repository, clock, { signal, ignore });
  let isFree = true;
  for (const record of records) {
    const reason = staleReason(record.lock, clock.nowNs(), self, 'proof');
    if (mode === 'shared' && !record.lock.exclusive) {
      // No conflict, but the lock of a killed backup would stay until somebody wants to be alone.
      if (reason !== 'process-ended') continue;
    }
    if (reason === undefined) throw new VaultLockedError(record);
    if (reason === 'not-refreshed') {
      // Looked at again when there is a file of ours to compare it with.
      if (own === undefined) {
        isFree = false;
        continue;
      }
      const age = await ageByStorage(repository, record.id, own, signal);
      if (age !== undefined && age <= STALE_AFTER_MS) throw new VaultLockedError(record, age);
    }
    await repository.removeFile('lock', record.id, { signal });
    context.onNotice({ type: 'stale-lock-removed', record, reason });
  }
  return { isFree, records };
}

/** Somebody else holds a lock. */
export class VaultLockedError extends CairnError {
  readonly record: LockRecord;

  /** `ageMs`: how old the storage says it is, where the clocks of both machines say that it was given up. */
  constructor(record: LockRecord, ageMs?: number) {
    const { exclusive, hostname, username, pid, time } = record.lock;
    const since = formatGoTime(time);
    super(
      'VAULT_LOCKED',
      `the vault is locked ${exclusive ? 'exclusively ' : ''}by process ${pid} of ${username || 'somebody'} on ${hostname} since ${since}`,
      {
        hint:
          ageMs === undefined
            ? `wait with --retry-lock, or, if that process is gone, run \`cairn unlock\` (lock ${shortId(record.id)})`
            : `the storage got this lock ${Math.max(0, Math.round(ageMs / 60_000))} minutes ago, so it is in use and the clock of this machine or of ${hostname} is wrong; if that process is gone, run \`cairn unlock\` (lock ${shortId(record.id)})`,
        retry: 'later',
        facts: { lock: record.id, exclusive, hostname, username, pid, since },
      },
    );
    this.record = record;
  }
}
