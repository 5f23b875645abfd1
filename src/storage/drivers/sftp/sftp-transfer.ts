import { asBuffer } from '../../../base/bytes.ts';
import { ChunkSource } from '../../chunk-source.ts';
import { gatherBlocks } from '../../gather-blocks.ts';
import { missing, resolveRange, truncated } from '../../object-range.ts';
import type { ReadOptions } from '../../storage.ts';
import { RequestWindow } from './request-window.ts';
import type { SftpHandle, SftpSession } from './sftp-session.ts';

// Bytes under way for one file: what an SSH channel takes before it waits for the other side (OpenSSH's and
// ssh2's window is 2 MiB), and as much again, so that it never runs dry.
const IN_FLIGHT = 4 * 1024 * 1024;

/** Read along with the size where nobody says how long the object is: most are smaller. */
const GUESS = 64 * 1024;
/** Memory is taken for a length that the server has not confirmed up to here. */
const LARGEST_GUESS = 64 * 1024 * 1024;

/**
 * The bytes of an open object or of a range of it, with many requests under way; the first are sent along with
 * the question for its size. Throws as `Storage.read` does.
 */
export async function readObject(
  session: SftpSession,
  handle: SftpHandle,
  name: string,
  options: ReadOptions,
): Promise<Uint8Array<ArrayBuffer>> {
  const { offset = 0, signal } = options;
  const guess = Buffer.allocUnsafeSlow(guessLength(options));
  const ahead = readUpTo(session, handle, guess, offset, signal);
  // What the object is decides first: reading a folder fails in its own way.
  ahead.catch(() => {});
  const status = await session.statHandle(handle, signal);
  if (!status.isFile()) throw missing(name);
  const range = resolveRange(name, status.size, options);
  const got = Math.min(await ahead, range.length);
  if (got === range.length && got === guess.length) return guess;
  // Not from Node's pool, so that the caller may transfer it; not zeroed, because it is filled or dropped.
  const bytes = Buffer.allocUnsafeSlow(range.length);
  bytes.set(guess.subarray(0, got));
  const more = await readUpTo(session, handle, bytes.subarray(got), range.offset + got, signal);
  if (got + more < range.length) throw truncated(name, range.offset + got + more, range);
  return bytes;
}

function guessLength({ offset = 0, length }: ReadOptions): number {
  if (!Number.isSafeInteger(offset) || offset < 0) return 0;
  if (length === undefined) return GUESS;
  return Number.isSafeInteger(length) && length >= 0 && length <= LARGEST_GUESS ? length : 0;
}

/** Fills `target` from `position` on. Returns the bytes read, fewer where the file ends. */
async function readUpTo(
  session: SftpSession,
  handle: SftpHandle,
  target: Buffer,
  position: number,
  signal?: AbortSignal,
): Promise<number> {
  const size = session.longestRead;
  const window = new RequestWindow(Math.ceil(IN_FLIGHT / size));
  let end = target.length;
  for (let start = 0; start < end; start += size) {
    const piece = target.subarray(start, start + size);
    await window.add(async () => {
      const filled = await readPiece(session, handle, piece, position + start, signal);
      if (filled < piece.length) end = Math.min(end, start + filled);
    });
  }
  await window.end();
  return end;
}

/** A server may give less than it was asked for; nothing at all is the end of the file. */
async function readPiece(
  session: SftpSession,
  handle: SftpHandle,
  piece: Buffer,
  position: number,
  signal: AbortSignal | undefined,
): Promise<number> {
  let filled = 0;
  while (filled < piece.length) {
    const count = await session.read(handle, piece.subarray(filled), position + filled, signal);
    if (count === 0) break;
    filled += count;
  }
  return filled;
}

/**
 * Writes all parts from the beginning of the file, with many requests under way, and sends `last` behind them.
 * Returns when all have succeeded.
 */
export async function writePipelined(
  session: SftpSession,
  handle: SftpHandle,
  parts: readonly Uint8Array[] | ChunkSource,
  last: () => Promise<void>,
  signal?: AbortSignal,
): Promise<void> {
  const size = session.longestWrite;
  const source = parts instanceof ChunkSource ? parts : undefined;
  const window = new RequestWindow(Math.ceil(IN_FLIGHT / size), (error) => source?.stop(error));
  let position = 0;
  for await (const piece of parts instanceof ChunkSource ? piecesOfStream(parts, size) : piecesOf(parts, size)) {
    const at = position;
    await window.add(() => session.write(handle, piece, at, signal));
    position += piece.length;
  }
  if (session.keepsOrder) await window.add(last);
  await window.end();
  if (!session.keepsOrder) await last();
}

/** The same of a stream, each in memory of its own: the ones before are still being sent. */
async function* piecesOfStream(chunks: AsyncIterable<Uint8Array>, size: number): AsyncGenerator<Buffer> {
  for await (const piece of gatherBlocks(chunks, () => Buffer.allocUnsafeSlow(size))) yield asBuffer(piece);
}

/** Pieces of `size` bytes, the last one shorter: views of large parts, copies of small ones. */
export function* piecesOf(parts: readonly Uint8Array[], size: number): Generator<Buffer> {
  let gathered = Buffer.alloc(0);
  let filled = 0;
  for (const part of parts) {
    const bytes = Buffer.from(part.buffer, part.byteOffset, part.byteLength);
    let taken = 0;
    while (taken < bytes.length) {
      if (filled === 0 && bytes.length - taken >= size) {
        yield bytes.subarray(taken, taken + size);
        taken += size;
        continue;
      }
      // A new one each time: the one before is still being sent.
      if (filled === 0) gathered = Buffer.allocUnsafe(size);
      const count = Math.min(size - filled, bytes.length - taken);
      gathered.set(bytes.subarray(taken, taken + count), filled);
      taken += count;
      filled += count;
      if (filled < size) continue;
      yield gathered;
      filled = 0;
    }
  }
  if (filled > 0) yield gathered.subarray(0, filled);
}
