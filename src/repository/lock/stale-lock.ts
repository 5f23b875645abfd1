import { msToNs } from '../../base/clock.ts';
import type { LockFile } from '../../formats/lock/lock-file.ts';
import type { ProcessIdentity } from './process-identity.ts';

/** A lock this old was not refreshed in time; its holder stopped by itself 7.5 min before. */
const STALE_AFTER_MS = 30 * 60_000;

export type StaleReason = 'process-ended' | 'not-refreshed';

/**
 * Why a lock is provably stale, or `undefined` if its holder may be alive: its process ran on this host
 * and is gone, or it was not refreshed for half an hour (every holder refreshes every five minutes and
 * stops working without a refresh after 22.5).
 */
export function staleReason(lock: LockFile, nowNs: bigint, self: ProcessIdentity): StaleReason | undefined {
  if (nowNs - lock.time.ns > msToNs(STALE_AFTER_MS)) return 'not-refreshed';
  if (lock.hostname === self.hostname && !self.isAlive(lock.pid)) return 'process-ended';
  return undefined;
}
