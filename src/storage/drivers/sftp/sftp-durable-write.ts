import { randomInt } from 'node:crypto';
import { posix } from 'node:path';
import type { ChunkSource } from '../../chunk-source.ts';
import { exists } from '../../object-range.ts';
import { isNoSuchFile, SftpStatusError } from './sftp-errors.ts';
import type { SftpHandle, SftpSession } from './sftp-session.ts';
import { writePipelined } from './sftp-transfer.ts';

export interface SftpWrite {
  readonly path: string;
  /** Name for errors. */
  readonly name: string;
  readonly parts: readonly Uint8Array[] | ChunkSource;
  /** Set where it is wider than what a new file gets anyway. */
  readonly mode: number | undefined;
  readonly ifAbsent: boolean;
  /** Told of a temporary file that could not be removed because the connection is gone. */
  readonly onLeftover: (path: string) => void;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Writes a file so that its name shows either nothing, what was there before, or all of `parts`: temporary
 * file in the same folder, fsync, rename, fsync again. SFTP cannot fsync a folder; but the second fsync of a
 * file that has just been renamed makes its new name durable on ext4, XFS and Btrfs, which write the change
 * of the folder in the same transaction. Servers without `fsync@openssh.com` decide for themselves.
 */
export async function writeDurably(session: SftpSession, write: SftpWrite): Promise<void> {
  const { path, parts, mode, ifAbsent, signal } = write;
  const temporary = `${path}-tmp-${randomInt(2 ** 32)}`;
  const handle = await openTemporary(session, temporary, write);
  // Never twice: a server gives the handle to the next file that is opened, which may be another one's by then.
  let isClosing = false;
  const close = (): Promise<void> => {
    isClosing = true;
    return session.closeHandle(handle);
  };
  try {
    if (mode !== undefined) await session.setMode(handle, mode, signal);
    await writePipelined(session, handle, parts, () => sync(session, handle, signal), signal);
    signal?.throwIfAborted();
    // From here on it is not interrupted: whether it took place has to be known.
    if (ifAbsent) await takeAbsentName(session, temporary, write);
    await inOrder(session, [
      async () => (ifAbsent ? undefined : takeName(session, temporary, path)),
      () => sync(session, handle),
      close,
    ]);
  } catch (error) {
    // Asked before the temporary file makes room again.
    const explained = await withSpace(session, error, path);
    if (!isClosing) session.closeQuietly(handle);
    await removeTemporary(session, temporary, write);
    throw explained;
  }
}

async function openTemporary(session: SftpSession, temporary: string, write: SftpWrite): Promise<SftpHandle> {
  try {
    return await session.openFile(temporary, 'wx', write.signal);
  } catch (error) {
    // The request was sent all the same: the server may have made the file.
    if (write.signal?.aborted === true || session.lost !== undefined) await removeTemporary(session, temporary, write);
    throw await withSpace(session, error, temporary);
  }
}

/** Sends all at once where the server keeps the order; a round trip is what takes long. */
async function inOrder(session: SftpSession, requests: readonly (() => Promise<void>)[]): Promise<void> {
  if (session.keepsOrder) await Promise.all(requests.map((request) => request()));
  else for (const request of requests) await request();
}

/** A refused request with the room on the server, which may be what was missing. */
export async function withSpace(session: SftpSession, error: unknown, path: string): Promise<unknown> {
  if (!(error instanceof SftpStatusError) || error.space !== undefined || isNoSuchFile(error)) return error;
  const space = await session.space(posix.dirname(path));
  return space === undefined ? error : new SftpStatusError(error.status, error.message, space);
}

async function sync(session: SftpSession, handle: SftpHandle, signal?: AbortSignal): Promise<void> {
  if (session.has('fsync@openssh.com')) await session.sync(handle, signal);
}

/** The first error is the one to tell; a leftover is ignored by `list`. */
async function removeTemporary(session: SftpSession, temporary: string, write: SftpWrite): Promise<void> {
  try {
    await session.remove(temporary, AbortSignal.timeout(10_000));
  } catch (error) {
    if (!isNoSuchFile(error)) write.onLeftover(temporary);
  }
}

/** Replaces what has the name. */
async function takeName(session: SftpSession, temporary: string, path: string): Promise<void> {
  if (session.has('posix-rename@openssh.com')) return session.renameOver(temporary, path);
  if (!(await isThere(session, path))) return session.renameToAbsent(temporary, path);
  // Without POSIX's rename there is an instant in which nothing has the name; the old one is kept until after it.
  const old = `${path}-tmp-${randomInt(2 ** 32)}`;
  await session.renameToAbsent(path, old);
  try {
    await session.renameToAbsent(temporary, path);
  } catch (error) {
    await session.renameToAbsent(old, path);
    throw error;
  }
  await session.remove(old);
}

/**
 * Gives `temporary` its name unless that is taken. A hard link tells for certain; where there are none, SFTP's
 * own rename has to refuse, and does in OpenSSH; other servers may let two writers in the same instant both win.
 */
async function takeAbsentName(session: SftpSession, temporary: string, write: SftpWrite): Promise<void> {
  if (session.has('hardlink@openssh.com')) {
    try {
      await session.link(temporary, write.path);
      await removeTemporary(session, temporary, write);
      return;
    } catch (error) {
      if (session.lost !== undefined) throw error;
      if (await isThere(session, write.path)) throw exists(write.name, error);
      // No hard links in that file system.
    }
  }
  if (await isThere(session, write.path)) throw exists(write.name);
  try {
    await session.renameToAbsent(temporary, write.path);
  } catch (error) {
    throw (await isThere(session, write.path)) ? exists(write.name, error) : error;
  }
}

async function isThere(session: SftpSession, path: string): Promise<boolean> {
  try {
    await session.stat(path);
    return true;
  } catch (error) {
    if (isNoSuchFile(error)) return false;
    throw error;
  }
}
