import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { messageOf } from '../../base/errors.ts';
import { ID_SIZE, idFromBytes, type SnapshotId } from '../../base/ids.ts';
import { type FileKind, folderOf, objectName } from '../../repository/layout.ts';
import type { Repository } from '../../repository/repository.ts';
import { removeStaleTemporaries } from '../../storage/drivers/local.ts';
import type { ActionContext } from '../actions/backup-action.ts';
import { openSession, type VaultSession, type VaultSettings } from '../vault-session.ts';

/**
 * No write of a living program takes so long: a lock that is not refreshed for half an hour is stale. Temporary files
 * are touched by every write to them.
 */
const LEFTOVER_AGE_MS = 24 * 3600 * 1000;

const kinds: readonly FileKind[] = ['key', 'lock', 'snapshot', 'index', 'pack'];

/**
 * The exclusive lock that care needs. Under it no other program is in the middle of a write, apart from locks, so what
 * interrupted writes left in a local vault long ago is removed on the way.
 */
export async function openExclusiveSession({ repository, settings, signal }: ActionContext): Promise<VaultSession> {
  const session = await openSession(repository, settings, { mode: 'exclusive', purpose: 'write', signal });
  await removeLeftovers(repository, settings, session.signal);
  return session;
}

/**
 * The same for what ends in removing files. Where that is not allowed (append-only, no right to delete) it throws before
 * anything new is stored: half of the work would leave every backup twice.
 */
export async function openRemovingSession(context: ActionContext): Promise<VaultSession> {
  const session = await openExclusiveSession(context);
  try {
    await assertMayRemove(context.repository, session.signal);
    return session;
  } catch (error) {
    await session[Symbol.asyncDispose]();
    throw error;
  }
}

/** Throws where files may not be removed. To find out, it removes one that is not there. */
export async function assertMayRemove({ origin }: Repository, signal: AbortSignal): Promise<void> {
  const nothing = idFromBytes<SnapshotId>(randomBytes(ID_SIZE));
  await origin.remove(objectName('snapshot', nothing), { signal });
}

async function removeLeftovers(repository: Repository, settings: VaultSettings, signal: AbortSignal): Promise<void> {
  const path = repository.origin.features.localPath;
  if (path === undefined) return;
  try {
    let count = 0;
    // In the folders of a repository only: its directory may be a whole disk, with files of people beside them.
    for (const kind of kinds) {
      count += await removeStaleTemporaries(join(path, folderOf(kind)), LEFTOVER_AGE_MS, { signal });
    }
    const files = count === 1 ? '1 file' : `${count} files`;
    if (count > 0) settings.notify({ level: 'info', message: `removed ${files} that interrupted writes left` });
  } catch (error) {
    // Only litter: what was asked for does not depend on it.
    settings.notify({ level: 'warning', message: `leftovers of interrupted writes stay: ${messageOf(error)}` });
  }
}
