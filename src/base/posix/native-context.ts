import type { NativeCalls } from './native-calls.ts';
import { checkPath } from './posix-error.ts';

/** PATH_MAX of Linux, with the NUL. */
export const PATH_BYTES = 4096;

/** A place in memory for a path, which the C library wants to end with a NUL. Reused by every call. */
export type CPath = (name: Uint8Array, syscall: string) => Uint8Array;

export function createCPath(): CPath {
  const memory = new Uint8Array(PATH_BYTES);
  return (name, syscall) => {
    checkPath(name, syscall);
    memory.set(name);
    memory[name.length] = 0;
    return memory;
  };
}

/** What the groups of calls below share. */
export interface NativeContext {
  readonly calls: NativeCalls;
  readonly path: CPath;
  /** For calls that take two paths. */
  readonly path2: CPath;
  readonly errno: () => number;
  /** The error of the call just made. */
  readonly failure: (syscall: string, name?: Uint8Array) => NodeJS.ErrnoException;
}
