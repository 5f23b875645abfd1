import { mkdirSync, statSync } from 'node:fs';
import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { systemCode } from './errors.ts';

/**
 * Makes a folder and what leads to it; `mode` is for all that is made. Returns the first folder that was made, if any.
 * Throws the error of the system. The `recursive` of Node's own `mkdir` answers ENOENT on a file system that is
 * read-only, and never ends below `/proc` (Node 24).
 */
export async function makeFolders(folder: string, mode: number): Promise<string | undefined> {
  const parent = dirname(folder);
  try {
    return await makeFolder(folder, mode);
  } catch (error) {
    if (systemCode(error) !== 'ENOENT' || parent === folder) throw error;
  }
  const first = await makeFolders(parent, mode);
  const last = await makeFolder(folder, mode);
  return first ?? last;
}

/** `undefined` where it is there. */
async function makeFolder(folder: string, mode: number): Promise<string | undefined> {
  try {
    await mkdir(folder, { mode });
    return folder;
  } catch (error) {
    if (systemCode(error) === 'EEXIST' && (await stat(folder)).isDirectory()) return undefined;
    throw error;
  }
}

/** `makeFolders` for those who cannot wait for it. */
export function makeFoldersSync(folder: string, mode: number): string | undefined {
  const parent = dirname(folder);
  try {
    return makeFolderSync(folder, mode);
  } catch (error) {
    if (systemCode(error) !== 'ENOENT' || parent === folder) throw error;
  }
  const first = makeFoldersSync(parent, mode);
  const last = makeFolderSync(folder, mode);
  return first ?? last;
}

function makeFolderSync(folder: string, mode: number): string | undefined {
  try {
    mkdirSync(folder, { mode });
    return folder;
  } catch (error) {
    if (systemCode(error) === 'EEXIST' && statSync(folder).isDirectory()) return undefined;
    throw error;
  }
}
