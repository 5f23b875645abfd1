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

/** Folders of a vault beside those of its repository. */
const shelves: readonly string[] = ['archives/', 'values/', 'replicas/'];

/**
 * The exclusive lock that care needs. Under it no other program is in the middle of a write, apart from locks, so what
 * interrupted writes left long ago is removed on the way: files in a local vault, uploads in a bucket.
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

/** Removes what interrupted writes left long ago. */
async function removeLeftovers(repository: Repository, settings: VaultSettings, signal: AbortSignal): Promise<void> {
  await tidy(settings, 'file', () => removeTemporaries(repository, signal));
  await abortLeftoverUploads(repository, settings, signal);
}

/** Clears away parts in a bucket that never made an object: nobody sees them, and they are paid for. Needs no lock. */
export async function abortLeftoverUploads(
  { origin }: Repository,
  settings: VaultSettings,
  signal: AbortSignal,
): Promise<void> {
  // In a bucket without a prefix there may be uploads of others.
  const folders = [...kinds.map((kind) => folderOf(kind)), ...shelves];
  await tidy(
    settings,
    'upload',
    async () => (await origin.abortStaleUploads?.(LEFTOVER_AGE_MS, { folders, signal })) ?? 0,
  );
}

/** Only litter: where it cannot be removed, whoever works in the vault goes on. */
async function tidy(settings: VaultSettings, what: string, remove: () => Promise<number>): Promise<void> {
  try {
    const count = await remove();
    const some = `${count} ${what}${count === 1 ? '' : 's'}`;
    if (count > 0) settings.notify({ level: 'info', message: `removed ${some} that interrupted writes left` });
  } catch (error) {
    settings.notify({ level: 'warning', message: `leftovers of interrupted writes stay: ${messageOf(error)}` });
  }
}

async function removeTemporaries({ origin }: Repository, signal: AbortSignal): Promise<number> {
  const path = origin.features.localPath;
  if (path === undefined) return 0;
  let number = 0;
  // In the folders of a repository only: its directory may be a whole disk, with files of people beside them.
  for (const kind of kinds) {
    number += await removeStaleTemporaries(join(path, folderOf(kind)), LEFTOVER_AGE_MS, { signal });
  }
  return number;
}
