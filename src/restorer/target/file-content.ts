import fs from 'node:fs';

const BLOCK = 64 * 1024;
const zeros = Buffer.alloc(BLOCK);

/** Writes all of `bytes` at `position`. Throws the system's error. */
export function writeFully(fd: number, bytes: Uint8Array, position: number): void {
  let done = 0;
  while (done < bytes.length) {
    done += fs.writeSync(fd, bytes, done, bytes.length - done, position + done);
  }
}

/**
 * Writes into a file that is known to read as zeros there. A whole blob of zeros of at least 64 KiB
 * stays a hole; with `sparse`, so does each 64 KiB block of zeros within a blob. Returns whether all was written.
 */
export function writeWithHoles(fd: number, bytes: Uint8Array, position: number, sparse: boolean): boolean {
  if (!sparse) {
    if (bytes.length >= BLOCK && isZero(bytes, 0, bytes.length)) return false;
    writeFully(fd, bytes, position);
    return true;
  }
  let start = 0;
  let complete = true;
  for (let at = 0; at < bytes.length; at += BLOCK) {
    const end = Math.min(at + BLOCK, bytes.length);
    if (!isZero(bytes, at, end)) continue;
    if (at > start) writeFully(fd, bytes.subarray(start, at), position + start);
    start = end;
    complete = false;
  }
  if (start < bytes.length) writeFully(fd, bytes.subarray(start), position + start);
  return complete;
}

/** Reads up to `target.length` bytes at `position`; returns how many there were. */
export function readFully(fd: number, target: Uint8Array, position: number): number {
  let done = 0;
  while (done < target.length) {
    const count = fs.readSync(fd, target, done, target.length - done, position + done);
    if (count === 0) break;
    done += count;
  }
  return done;
}

function isZero(bytes: Uint8Array, from: number, to: number): boolean {
  // Most data differs from zero at once; the comparison of blocks is for what passes this look.
  if (bytes[from] !== 0 || bytes[to - 1] !== 0) return false;
  for (let at = from; at < to; at += BLOCK) {
    const end = Math.min(at + BLOCK, to);
    if (zeros.compare(bytes, at, end, 0, end - at) !== 0) return false;
  }
  return true;
}
