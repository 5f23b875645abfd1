import { msToNs } from '../../base/clock.ts';
import type { LockFile } from '../../formats/lock/lock-file.ts';
import type { ProcessIdentity } from './process-identity.ts';

/** A lock this old was not refreshed in time; its holder stopped by itself 7.5 min before. */
export const STALE_AFTER_MS: number = 30 * 60_000;

export type StaleReason = 'process-ended' | 'not-refreshed';

/** `proof`: where nobody is asked. `hostname`: at the word of a person, who knows the machines. */
export type StaleTrust = 'proof' | 'hostname';

/**
 * Why a lock is stale, or `undefined` if its holder may be alive: its process ran here and is gone, or it was not refreshed
 * for half an hour (every holder refreshes every five minutes and stops working without a refresh after 22.5). Where its
 * process ran is proved by the space of its pid; restic's locks have the name of the host only. `not-refreshed` compares the clocks of
 * two machines: see `ageByStorage` for what proves it.
 */
export function staleReason(
  lock: LockFile,
  nowNs: bigint,
  self: ProcessIdentity,
  trust: StaleTrust,
): StaleReason | undefined {
  if (nowNs - lock.time.ns > msToNs(STALE_AFTER_MS)) return 'not-refreshed';
  const isNamed = lock.hostname === self.hostname && (lock.pidSpace === undefined || trust === 'hostname');
  const ranHere = isNamed || (lock.pidSpace !== undefined && lock.pidSpace === self.pidSpace);
  return ranHere && !self.isAlive(lock.pid) ? 'process-ended' : undefined;
}
