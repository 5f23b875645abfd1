// Where a restore goes, decided before anything is written.
import { lstat, readdir, realpath } from 'node:fs/promises';
import path from 'node:path';
import { utf8, utf8Lossy } from '../../base/bytes.ts';
import { CairnArgumentError, CairnError, messageOf, systemCode } from '../../base/errors.ts';

/** Bytes of a path that the system takes at most (PATH_MAX of Linux, with its zero). */
const MAX_PATH = 4096;

/**
 * `free`: there is nothing yet, or folders without files, such as a restore leaves that waits for cold storage.
 * `occupied`: files are there that a restore would mix with.
 */
export type DestinationState = 'free' | 'occupied';

/** Looks at the place without changing it. Throws `TARGET_INVALID`. */
export async function destinationState(destination: string): Promise<DestinationState> {
  try {
    if (!(await lstat(destination)).isDirectory()) return 'occupied';
    return (await holdsOnlyFolders(destination)) ? 'free' : 'occupied';
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ENOENT') return 'free';
    // Folders in folders down to where no path leads: whatever is below, it is not nothing.
    if (code === 'ENAMETOOLONG' && Buffer.byteLength(destination) < MAX_PATH) return 'occupied';
    throw new CairnError('TARGET_INVALID', `cannot restore to ${destination}: ${messageOf(error)}`, {
      hint: 'Choose a folder that this user may write, with --to.',
      cause: error,
      facts: { target: destination },
    });
  }
}

/** Stops at the first entry that is no folder. */
async function holdsOnlyFolders(folder: string): Promise<boolean> {
  const entries = await readdir(folder, { withFileTypes: true });
  if (entries.some((entry) => !entry.isDirectory())) return false;
  for (const { name } of entries) if (!(await holdsOnlyFolders(path.join(folder, name)))) return false;
  return true;
}

/**
 * Refuses a destination inside the vault (`TARGET_INSIDE_VAULT`), and, for a restore that deletes, one that
 * holds the vault (`TARGET_INVALID`): both would destroy what is being restored from.
 */
export async function assertOutsideVault(
  destination: string,
  vaultPath: string | undefined,
  { deletes }: { readonly deletes: boolean },
): Promise<void> {
  if (vaultPath === undefined) return;
  const vault = await realPath(path.resolve(vaultPath));
  const target = await realPath(path.resolve(destination));
  if (isWithin(target, vault)) {
    throw new CairnError(
      'TARGET_INSIDE_VAULT',
      `${destination} lies inside the vault ${vaultPath}; nothing was changed`,
      {
        hint: 'Choose a folder outside the vault with --to.',
        facts: { target: destination, vault: vaultPath },
      },
    );
  }
  if (deletes && isWithin(vault, target)) {
    throw new CairnError('TARGET_INVALID', `${destination} holds the vault ${vaultPath}, which --delete would remove`, {
      hint: 'Restore without --delete, or to another folder.',
      facts: { target: destination, vault: vaultPath },
    });
  }
}

/** The last component of a recorded path; Windows paths are cut at backslashes as well. */
export function lastComponent(recorded: string): string {
  const isWindows = /^[A-Za-z]:|^\\\\/.test(recorded);
  const last = recorded.split(isWindows ? /[\\/]/ : '/').findLast((part) => part !== '') ?? 'restored';
  return fileName(utf8(last));
}

/** A name in a snapshot as a file name of this machine. Throws `NAME_HOSTILE`. */
export function fileName(component: Uint8Array): string {
  const text = utf8Lossy(component);
  if (text === '' || text === '.' || text === '..' || /[/\0]/.test(text)) {
    throw new CairnError('NAME_HOSTILE', `${JSON.stringify(text)} cannot be the name of a file`, {
      hint: 'This backup was tampered with or is damaged. `cairn ls` shows what it holds.',
    });
  }
  if (!Buffer.from(text).equals(component)) {
    throw new CairnArgumentError(`the name ${JSON.stringify(text)} is not UTF-8, so its folder cannot be made here`, {
      hint: 'Restore with `absolute` (--absolute), which keeps every byte of it.',
    });
  }
  return text;
}

function isWithin(inner: string, outer: string): boolean {
  const relative = path.relative(outer, inner);
  return relative !== '..' && !relative.startsWith(`..${path.sep}`) && !path.isAbsolute(relative);
}

/** The path without symlinks, also of what does not exist yet. */
async function realPath(wanted: string): Promise<string> {
  try {
    return await realpath(wanted);
  } catch {
    const parent = path.dirname(wanted);
    return parent === wanted ? wanted : path.join(await realPath(parent), path.basename(wanted));
  }
}
