import { type ObjectRange, truncated } from '../../object-range.ts';
import { RequestWindow } from './request-window.ts';
import type { SftpHandle, SftpSession } from './sftp-session.ts';

// Bytes under way for one file: what an SSH channel takes before it waits for the other side (OpenSSH's and
// ssh2's window is 2 MiB), and as much again, so that it never runs dry.
const IN_FLIGHT = 4 * 1024 * 1024;

/** Reads a range with many requests under way. Throws `OBJECT_TRUNCATED` where the file ends inside it. */
export async function readPipelined(
  session: SftpSession,
  handle: SftpHandle,
  name: string,
  range: ObjectRange,
  signal?: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  // Not from Node's pool, so that the caller may transfer it; not zeroed, because it is filled or dropped.
  const bytes = Buffer.allocUnsafeSlow(range.length);
  const size = session.longestRead;
  const window = new RequestWindow(Math.ceil(IN_FLIGHT / size));
  for (let start = 0; start < range.length; start += size) {
    const piece = bytes.subarray(start, Math.min(start + size, range.length));
    await window.add(() => readPiece(session, handle, piece, { name, range, start }, signal));
  }
  await window.end();
  return bytes;
}

async function readPiece(
  session: SftpSession,
  handle: SftpHandle,
  piece: Buffer,
  { name, range, start }: { name: string; range: ObjectRange; start: number },
  signal: AbortSignal | undefined,
): Promise<void> {
  // A server may give less than it was asked for.
  for (let filled = 0; filled < piece.length;) {
    const at = range.offset + start + filled;
    const count = await session.read(handle, piece.subarray(filled), at, signal);
    if (count === 0) throw truncated(name, at, range);
    filled += count;
  }
}

/** Writes all parts from the beginning of the file, with many requests under way. */
export async function writePipelined(
  session: SftpSession,
  handle: SftpHandle,
  parts: readonly Uint8Array[],
  signal?: AbortSignal,
): Promise<void> {
  const window = new RequestWindow(Math.ceil(IN_FLIGHT / session.longestWrite));
  let position = 0;
  for (const piece of piecesOf(parts, session.longestWrite)) {
    const at = position;
    await window.add(() => session.write(handle, piece, at, signal));
    position += piece.length;
  }
  await window.end();
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
