import { posix } from 'node:path';
import type { FileEntryWithStats, Stats } from 'ssh2';
import { mapConcurrent } from '../../../base/concurrency.ts';
import { isNoSuchFile } from './sftp-errors.ts';
import type { SftpPool } from './sftp-pool.ts';
import type { SftpHandle, SftpSession } from './sftp-session.ts';

/** Folders read at once. */
const FOLDERS = 16;
/** Requests for entries of one folder under way at once; the server answers each with about a hundred. */
const AHEAD = 3;

/** A file below the root. */
export interface FoundFile {
  /** Slash-separated, relative to the root. */
  readonly name: string;
  readonly sizeBytes: number;
  readonly mtimeMs: number;
}

interface Folder {
  readonly files: readonly FoundFile[];
  /** Prefixes of the folders in it. */
  readonly folders: readonly string[];
}

const NOTHING: Folder = { files: [], folders: [] };

/** The files below `prefix`, level by level, folders of a level in parallel. Errors are the server's. */
export async function* listFiles(
  pool: SftpPool,
  root: string,
  prefix: string,
  signal?: AbortSignal,
): AsyncGenerator<FoundFile> {
  for (let level = [prefix]; level.length > 0;) {
    const next: string[] = [];
    // In slices, so that a vault with many folders is not held in memory as a whole.
    for (let start = 0; start < level.length; start += FOLDERS) {
      const slice = level.slice(start, start + FOLDERS);
      const found = await mapConcurrent(slice, { limit: FOLDERS, signal }, (folder) =>
        pool.use(signal, (session) => readFolder(session, root, folder, signal)),
      );
      for (const { files, folders } of found) {
        yield* files;
        next.push(...folders);
      }
    }
    level = next;
  }
}

/** The files in one folder, without those in the folders in it. */
export async function listFilesIn(
  pool: SftpPool,
  root: string,
  prefix: string,
  signal?: AbortSignal,
): Promise<readonly FoundFile[]> {
  return (await pool.use(signal, (session) => readFolder(session, root, prefix, signal))).files;
}

async function readFolder(session: SftpSession, root: string, prefix: string, signal?: AbortSignal): Promise<Folder> {
  // Without the slash at the end, which would follow a link.
  const path = posix.join(root, prefix.slice(0, -1));
  let handle: SftpHandle;
  try {
    handle = await session.openFolder(path, signal);
  } catch (error) {
    // Not there, or gone since its parent was read. A link that leads nowhere is something else: the disk behind it
    // may not be mounted, and its objects are not gone.
    if (isNoSuchFile(error) && !(await isLink(session, path, signal))) return NOTHING;
    throw error;
  }
  try {
    return await sort(session, root, prefix, await readEntries(session, handle, signal), signal);
  } finally {
    session.closeQuietly(handle);
  }
}

async function readEntries(
  session: SftpSession,
  handle: SftpHandle,
  signal?: AbortSignal,
): Promise<FileEntryWithStats[]> {
  const entries: FileEntryWithStats[] = [];
  const ahead = session.keepsOrder ? AHEAD : 1;
  for (let ended = false; !ended;) {
    const batches = await Promise.all(Array.from({ length: ahead }, () => session.readFolder(handle, signal)));
    for (const batch of batches) {
      if (batch === undefined) ended = true;
      else entries.push(...batch);
    }
  }
  return entries;
}

async function sort(
  session: SftpSession,
  root: string,
  prefix: string,
  entries: readonly FileEntryWithStats[],
  signal?: AbortSignal,
): Promise<Folder> {
  const files: FoundFile[] = [];
  const folders: string[] = [];
  for (const { filename, attrs } of entries) {
    // A component of a name is never these, whatever a server sends.
    if (filename.includes('/') || filename === '..' || filename === '.') continue;
    const name = prefix + filename;
    const status = isPlain(attrs) ? attrs : await followLink(session, root, name, signal);
    if (status === undefined) continue;
    if (status.isDirectory()) folders.push(`${name}/`);
    else if (status.isFile()) files.push({ name, sizeBytes: status.size, mtimeMs: status.mtime * 1000 });
  }
  return { files, folders };
}

/** Whether the listing says all there is to say: a server may leave attributes out, and links lead elsewhere. */
function isPlain(attrs: FileEntryWithStats['attrs']): attrs is Stats {
  return typeof attrs.mode === 'number' && typeof attrs.size === 'number' && !attrs.isSymbolicLink();
}

async function isLink(session: SftpSession, path: string, signal?: AbortSignal): Promise<boolean> {
  try {
    return (await session.statLink(path, signal)).isSymbolicLink();
  } catch (error) {
    if (isNoSuchFile(error)) return false;
    throw error;
  }
}

/** What a link leads to; `undefined` for nothing, and for a folder that the link itself lies in. */
async function followLink(
  session: SftpSession,
  root: string,
  name: string,
  signal?: AbortSignal,
): Promise<Stats | undefined> {
  const path = posix.join(root, name);
  try {
    const status = await session.stat(path, signal);
    if (!status.isDirectory()) return status;
    const here = await session.realpath(posix.dirname(path), signal);
    const target = await session.realpath(path, signal);
    return here === target || here.startsWith(target.endsWith('/') ? target : `${target}/`) ? undefined : status;
  } catch (error) {
    if (isNoSuchFile(error)) return undefined;
    throw error;
  }
}
