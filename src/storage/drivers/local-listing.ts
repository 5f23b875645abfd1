import type { Dirent, Stats } from 'node:fs';
import { readdir, realpath, stat, unlink } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { systemCode } from '../../base/errors.ts';
import { countsAsStale, folderOf, isObjectName, isTemporaryName, nameOfTemporary } from '../object-name.ts';
import type { StaleUploadOptions } from '../storage.ts';
import { pathOf } from './local-folders.ts';

/** A file below the root, temporary ones and strangers included. */
interface FoundFile {
  /** Slash-separated, relative to the root. */
  readonly name: string;
  readonly path: string;
  readonly sizeBytes: number;
  readonly mtimeMs: number;
}

/** Files looked at together: enough to keep the thread pool busy, few enough to bound memory. */
const BATCH = 64;
const ABSENT = new Set(['ENOENT', 'ENOTDIR']);

/** The objects below `prefix`. Errors are the system's. */
export async function* listObjects(root: string, prefix: string, signal?: AbortSignal): AsyncGenerator<FoundFile> {
  for await (const file of walk(root, prefix, signal, isObjectName)) yield file;
}

/** Removes temporary files not changed for `olderThanMs`; see `AbortStaleUploads`. Errors are the system's. */
export async function removeTemporaries(
  root: string,
  olderThanMs: number,
  options: StaleUploadOptions,
): Promise<number> {
  const before = Date.now() - olderThanMs;
  let removed = 0;
  for await (const file of temporariesOf(root, options)) {
    if (file.mtimeMs > before || !countsAsStale(nameOfTemporary(file.name), options)) continue;
    if (options.dryRun !== true) await unlink(file.path);
    removed++;
  }
  return removed;
}

/** The temporary files below the folders, and those beside the objects. */
async function* temporariesOf(
  root: string,
  { folders = [''], objects = [], signal }: StaleUploadOptions,
): AsyncGenerator<FoundFile> {
  for (const folder of folders) yield* walk(root, folder, signal, isTemporaryName);
  for (const folder of new Set(objects.map(folderOf))) {
    for await (const file of filesIn(root, folder, signal, isTemporaryName)) {
      if (typeof file !== 'string') yield file;
    }
  }
}

async function* walk(
  root: string,
  prefix: string,
  signal: AbortSignal | undefined,
  wanted: (name: string) => boolean,
): AsyncGenerator<FoundFile> {
  const folders: string[] = [];
  for await (const item of filesIn(root, prefix, signal, wanted)) {
    if (typeof item === 'string') folders.push(item);
    else yield item;
  }
  for (const name of folders) yield* walk(root, `${prefix}${name}/`, signal, wanted);
}

/** The wanted files in one folder, and the names of the folders in it. */
async function* filesIn(
  root: string,
  prefix: string,
  signal: AbortSignal | undefined,
  wanted: (name: string) => boolean,
): AsyncGenerator<FoundFile | string> {
  signal?.throwIfAborted();
  const folder = prefix === '' ? root : pathOf(root, prefix.slice(0, -1));
  const entries = await readFolder(folder);
  for (let start = 0; start < entries.length; start += BATCH) {
    signal?.throwIfAborted();
    const batch = entries.slice(start, start + BATCH);
    const found = await Promise.all(batch.map((entry) => look(folder, prefix, entry, wanted)));
    for (const item of found) if (item !== undefined) yield item;
  }
}

async function readFolder(folder: string): Promise<Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    if (ABSENT.has(systemCode(error) ?? '')) return [];
    throw error;
  }
}

/** A file that is wanted, the name of a folder to walk, or `undefined`. */
async function look(
  folder: string,
  prefix: string,
  entry: Dirent,
  wanted: (name: string) => boolean,
): Promise<FoundFile | string | undefined> {
  if (entry.isDirectory()) return entry.name;
  const name = prefix + entry.name;
  if (!entry.isSymbolicLink() && (!entry.isFile() || !wanted(name))) return undefined;
  const path = join(folder, entry.name);
  const status = await statIfThere(path);
  if (status === undefined) return undefined;
  // People move `data` to another disk and leave a link; a link back to where we are would never end.
  if (status.isDirectory()) return (await isLoop(folder, path)) ? undefined : entry.name;
  if (!status.isFile() || !wanted(name)) return undefined;
  return { name, path, sizeBytes: status.size, mtimeMs: status.mtimeMs };
}

async function statIfThere(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

async function isLoop(folder: string, path: string): Promise<boolean> {
  const [here, target] = await Promise.all([realpath(folder), realpath(path)]);
  return here === target || here.startsWith(target.endsWith(sep) ? target : target + sep);
}
