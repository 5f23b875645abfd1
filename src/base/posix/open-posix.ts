import fs from 'node:fs';
import { loadLibc } from './libc.ts';
import { createNativePosix } from './native-posix.ts';
import { createPortablePosix } from './portable-posix.ts';
import { AT_FDCWD, STAT_FIELDS, StatField } from './posix.ts';
import type { Posix } from './posix.ts';

export interface OpenPosixOptions {
  /** `portable` uses Node's `fs` only. Default: the environment variable `CAIRN_NATIVE` (`off` = portable), else native. */
  readonly prefer?: 'native' | 'portable' | undefined;
}

let shared: Posix | undefined;

/** The system calls of this thread: native where koffi loads and passes a trial, else Node's `fs`. Never throws. */
export function openPosix(options: OpenPosixOptions = {}): Posix {
  if (options.prefer === undefined) {
    shared ??= process.env['CAIRN_NATIVE'] === 'off' ? createPortablePosix() : openNative();
    return shared;
  }
  return options.prefer === 'portable' ? createPortablePosix() : openNative();
}

function openNative(): Posix {
  try {
    const posix = createNativePosix(loadLibc());
    return worksHere(posix) ? posix : createPortablePosix();
  } catch {
    return createPortablePosix();
  }
}

/** One native answer compared to Node's: a wrong structure layout, or a sandbox without statx, shows here. */
function worksHere(posix: Posix): boolean {
  const fields = new BigInt64Array(STAT_FIELDS);
  const expected = fs.lstatSync('/', { bigint: true });
  return (
    posix.statInto(AT_FDCWD, Buffer.from('/'), fields) &&
    BigInt.asUintN(64, fields[StatField.inode] ?? 0n) === expected.ino &&
    BigInt.asUintN(64, fields[StatField.device] ?? 0n) === expected.dev &&
    fields[StatField.mode] === expected.mode &&
    fields[StatField.mtimeNs] === expected.mtimeNs
  );
}
