import { randomInt } from 'node:crypto';
import { type FileHandle, link, lstat, open, rename, unlink } from 'node:fs/promises';
import { systemCode } from '../../base/errors.ts';
import { gatherBlocks } from '../gather-blocks.ts';
import { exists } from '../object-range.ts';
import { cannotSync } from './local-folders.ts';

/** A stream is written in blocks of this size. */
const BLOCK_BYTES = 1024 * 1024;

/** The system calls a durable write makes; tests replace them to watch their order and to fail them. */
export interface WriteSystem {
  readonly open: typeof open;
  readonly rename: typeof rename;
  readonly link: typeof link;
  readonly unlink: typeof unlink;
  readonly lstat: typeof lstat;
}

const nodeSystem: WriteSystem = { open, rename, link, unlink, lstat };

export interface DurableWrite {
  readonly path: string;
  /** Name for errors. */
  readonly name: string;
  /** The content; what a stream throws is passed on. */
  readonly parts: readonly Uint8Array[] | AsyncIterable<Uint8Array>;
  readonly mode: number;
  readonly ifAbsent: boolean;
  /** False skips the fsync of the file: for caches, which can be fetched again. */
  readonly durable: boolean;
  readonly syncFolder: () => Promise<void>;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Writes a file so that its name shows either nothing, what was there before, or all of `parts`, also
 * after a power cut: temporary file in the same folder, fsync, rename, fsync of the folder. The folder
 * must exist. Errors are the system's, apart from `OBJECT_EXISTS`.
 */
export async function writeFileDurably(write: DurableWrite, system: WriteSystem = nodeSystem): Promise<void> {
  if (write.ifAbsent && (await isThere(write.path, system))) throw exists(write.name);
  const [temporary, handle] = await openTemporary(write.path, system);
  try {
    try {
      if (Symbol.asyncIterator in write.parts) await writeChunks(handle, write.parts, write.signal);
      else await writeParts(handle, write.parts, write.signal);
      await setMode(handle, write.mode);
      if (write.durable) await syncFile(handle);
    } finally {
      await handle.close();
    }
    write.signal?.throwIfAborted();
    if (write.ifAbsent) await linkAbsent(temporary, write, system);
    else await system.rename(temporary, write.path);
  } catch (error) {
    // The first error is the one to tell; a leftover is ignored by list and removed when it is old.
    await system.unlink(temporary).catch(() => {});
    throw error;
  }
  await write.syncFolder();
}

async function openTemporary(path: string, system: WriteSystem): Promise<[string, FileHandle]> {
  for (let attempt = 1; ; attempt++) {
    const temporary = `${path}-tmp-${randomInt(2 ** 32)}`;
    try {
      return [temporary, await system.open(temporary, 'wx', 0o600)];
    } catch (error) {
      if (systemCode(error) !== 'EEXIST' || attempt === 5) throw error;
    }
  }
}

/** Writes all parts in as few calls as the system allows, without copying them. */
async function writeParts(handle: FileHandle, parts: readonly Uint8Array[], signal?: AbortSignal): Promise<void> {
  let rest = parts.filter((part) => part.length > 0);
  while (rest.length > 0) {
    signal?.throwIfAborted();
    const { bytesWritten } = await handle.writev(rest);
    rest = dropBytes(rest, bytesWritten);
  }
}

/** Writes a stream in blocks: while one is written, the next one is gathered. */
async function writeChunks(handle: FileHandle, chunks: AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<void> {
  const memory = [new Uint8Array(BLOCK_BYTES), new Uint8Array(BLOCK_BYTES)];
  let writing = Promise.resolve();
  try {
    for await (const block of gatherBlocks(chunks, (index) => memory[index % 2] ?? new Uint8Array(BLOCK_BYTES))) {
      await writing;
      writing = writeParts(handle, [block], signal);
      // Looked at when the next block is there; the stream may take long.
      writing.catch(() => {});
    }
  } finally {
    // Nothing may be under way when the file is closed.
    await Promise.allSettled([writing]);
  }
  await writing;
}

/** What remains of `parts` after their first `count` bytes. */
function dropBytes(parts: readonly Uint8Array[], count: number): Uint8Array[] {
  let left = count;
  let index = 0;
  for (const part of parts) {
    if (part.length > left) break;
    left -= part.length;
    index++;
  }
  const rest = parts.slice(index);
  const [first] = rest;
  if (first !== undefined && left > 0) rest[0] = first.subarray(left);
  return rest;
}

async function setMode(handle: FileHandle, mode: number): Promise<void> {
  try {
    await handle.chmod(mode);
  } catch (error) {
    // File systems without Unix modes (FAT, SMB) refuse; that is no reason to refuse the backup.
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EINVAL'].includes(systemCode(error) ?? '')) throw error;
  }
}

async function syncFile(handle: FileHandle): Promise<void> {
  try {
    await handle.sync();
  } catch (error) {
    if (!cannotSync(error)) throw error;
  }
}

/** Gives `temporary` its name unless that name is taken; a hard link is the portable atomic test. */
async function linkAbsent(temporary: string, write: DurableWrite, system: WriteSystem): Promise<void> {
  try {
    await system.link(temporary, write.path);
  } catch (error) {
    if (systemCode(error) === 'EEXIST') throw exists(write.name, error);
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK', 'EACCES'].includes(systemCode(error) ?? ''))
      throw error;
    // No hard links here (FAT, some SMB and FUSE): look, then rename. Two writers in the same instant could both win.
    if (await isThere(write.path, system)) throw exists(write.name);
    await system.rename(temporary, write.path);
    return;
  }
  await system.unlink(temporary).catch(() => {});
}

async function isThere(path: string, system: WriteSystem): Promise<boolean> {
  try {
    await system.lstat(path);
    return true;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return false;
    throw error;
  }
}
