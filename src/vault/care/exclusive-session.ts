import { randomBytes } from 'node:crypto';
import { messageOf } from '../../base/errors.ts';
import { ID_SIZE, idFromBytes, type SnapshotId } from '../../base/ids.ts';
import { CONFIG_NAME, type FileKind, folderOf, objectName } from '../../repository/layout.ts';
import type { Repository } from '../../repository/repository.ts';
import type { ObjectName } from '../../storage/storage.ts';
import type { ActionContext } from '../actions/backup-action.ts';
import { openSession, type VaultSession, type VaultSettings } from '../vault-session.ts';

/** No write of a living program rests for so long: what it leaves is touched whenever more of it is written. */
const LEFTOVER_AGE_MS = 24 * 3600 * 1000;

const kinds: readonly FileKind[] = ['key', 'lock', 'snapshot', 'index', 'pack'];

/** Folders of a vault beside those of its repository. */
const shelves: readonly string[] = ['archives/', 'values/', 'replicas/'];

/**
 * The exclusive lock that care needs. What interrupted writes left long ago in a local vault is removed on the way; where
 * it costs requests to look, a prune does that.
 */
export async function openExclusiveSession(
  { repository, settings, signal }: ActionContext,
  { dryRun }: Pick<LeftoverOptions, 'dryRun'> = {},
): Promise<VaultSession> {
  const session = await openSession(repository, settings, { mode: 'exclusive', purpose: 'write', signal });
  if (isLocal(repository)) await removeLeftovers(repository, settings, { dryRun, signal: session.signal });
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

export interface LeftoverOptions {
  /** Only counts and tells. */
  readonly dryRun?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

export function isLocal({ origin }: Repository): boolean {
  return origin.features.localPath !== undefined;
}

/**
 * Removes what interrupted writes left long ago, and returns how many. Only litter: where that fails, whoever works in
 * the vault goes on.
 */
export async function removeLeftovers(
  { origin }: Repository,
  settings: VaultSettings,
  { dryRun = false, signal }: LeftoverOptions,
): Promise<number> {
  try {
    // In the folders of a vault only: its directory may be a whole disk, with files of people beside them.
    const folders = [...kinds.map((kind) => folderOf(kind)), ...shelves];
    const which = { folders, objects: [CONFIG_NAME], isOurs, dryRun, signal };
    const count = (await origin.abortStaleUploads?.(LEFTOVER_AGE_MS, which)) ?? 0;
    const files = `${count === 1 ? '1 file' : `${count} files`} that interrupted writes left`;
    const message = dryRun ? `${files} would be removed` : `removed ${files}`;
    if (count > 0) settings.notify({ level: 'info', message });
    return count;
  } catch (error) {
    settings.notify({ level: 'warning', message: `leftovers of interrupted writes stay: ${messageOf(error)}` });
    return 0;
  }
}

/** People have folders of such names too; what a vault keeps there has the time in its name. */
function isOurs(name: ObjectName): boolean {
  return !shelves.some((shelf) => name.startsWith(shelf)) || /\d{8}T\d{6}Z/.test(name);
}
