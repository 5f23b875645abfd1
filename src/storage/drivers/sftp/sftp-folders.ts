import { posix } from 'node:path';
import { CairnError } from '../../../base/errors.ts';
import { isNoSuchFile } from './sftp-errors.ts';
import type { SftpSession } from './sftp-session.ts';

/** Makes `root` and what leads to it. */
export async function makeRoot(session: SftpSession, root: string, mode: number, signal?: AbortSignal): Promise<void> {
  if (await isFolder(session, root, signal)) return;
  const parent = posix.dirname(root);
  if (parent !== root) await makeRoot(session, parent, mode, signal);
  await makeOne(session, root, mode, signal);
}

/** Makes the folders that lead to the object `name` below `root`, which must exist. */
export async function makeFolders(
  session: SftpSession,
  root: string,
  name: string,
  mode: number,
  signal?: AbortSignal,
): Promise<void> {
  let folder = root;
  for (const component of name.split('/').slice(0, -1)) {
    folder = posix.join(folder, component);
    try {
      await makeOne(session, folder, mode, signal);
    } catch (error) {
      if (isNoSuchFile(error)) throw rootMissing(root, error);
      throw error;
    }
  }
}

/** The error of writing to a place that was never made, or whose disk is not mounted. */
export function rootMissing(root: string, cause: unknown): CairnError {
  return new CairnError('STORAGE_UNREACHABLE', `there is no directory ${root} on the server`, {
    hint: 'Check the path (without a leading slash it starts in the home) and that the disk is mounted; `cairn init` makes a new vault.',
    cause,
    facts: { path: root },
  });
}

async function makeOne(session: SftpSession, folder: string, mode: number, signal?: AbortSignal): Promise<void> {
  try {
    await session.makeFolder(folder, mode, signal);
  } catch (error) {
    // "Failure" is all that SFTP has for a folder that is there already, or that another writer has just made.
    if (isNoSuchFile(error) || session.lost !== undefined || !(await isFolder(session, folder, signal))) throw error;
  }
}

async function isFolder(session: SftpSession, path: string, signal?: AbortSignal): Promise<boolean> {
  try {
    return (await session.stat(path, signal)).isDirectory();
  } catch (error) {
    if (isNoSuchFile(error)) return false;
    throw error;
  }
}
