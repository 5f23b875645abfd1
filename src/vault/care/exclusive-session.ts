import { removeStaleTemporaries } from '../../storage/drivers/local.ts';
import { messageOf } from '../../base/errors.ts';
import type { ActionContext } from '../actions/backup-action.ts';
import { openSession, type VaultSession } from '../vault-session.ts';

/**
 * No write of a living program takes so long: a lock that is not refreshed for half an hour is stale. Temporary files
 * are touched by every write to them.
 */
const LEFTOVER_AGE_MS = 24 * 3600 * 1000;

/**
 * The exclusive lock that care needs. Under it no other program is in the middle of a write, apart from locks, so what
 * interrupted writes left in a local vault long ago is removed on the way.
 */
export async function openExclusiveSession({ repository, settings, signal }: ActionContext): Promise<VaultSession> {
  const session = await openSession(repository, settings, { mode: 'exclusive', purpose: 'write', signal });
  const path = repository.origin.features.localPath;
  if (path === undefined) return session;
  try {
    const count = await removeStaleTemporaries(path, LEFTOVER_AGE_MS, { signal: session.signal });
    if (count > 0)
      settings.notify({
        level: 'info',
        message: `removed ${count === 1 ? '1 file' : `${count} files`} that interrupted writes left`,
      });
  } catch (error) {
    // Only litter: what was asked for does not depend on it.
    settings.notify({ level: 'warning', message: `leftovers of interrupted writes stay: ${messageOf(error)}` });
  }
  return session;
}
