// What the system may be told about a large piece of memory. Advice only: where it cannot be given, nothing is lost
// but time, or memory for a while.
import { openNativeLibrary, type NativeFunction } from './native-library.ts';

// From <sys/mman.h> of Linux, on every architecture.
const MADV_DONTNEED = 4;
const MADV_HUGEPAGE = 14;
const MADV_NOHUGEPAGE = 15;

/**
 * For memory that is about to be used whole: first touches cost a fifth in pages of 2 MiB. Not so in a virtual machine
 * that has given its free memory back: there the host finds each of these pages anew, in 5 ms instead of 0.2. Whoever touches the
 * memory sees that, and asks for small pages then, which come from what was in use a moment ago.
 */
export function adviseHugePages(memory: Uint8Array): void {
  advise(memory, MADV_HUGEPAGE);
}

/** For what has not been touched yet of that memory. */
export function adviseSmallPages(memory: Uint8Array): void {
  advise(memory, MADV_NOHUGEPAGE);
}

/** Gives memory back at once that its owner will never look at again; it may read as zeros afterwards. */
export function releasePages(memory: Uint8Array): void {
  advise(memory, MADV_DONTNEED);
}

let madvise: NativeFunction | undefined | 'unavailable';

function advise(memory: Uint8Array, advice: number): void {
  madvise ??= bind() ?? 'unavailable';
  if (madvise !== 'unavailable') madvise(memory, memory.byteLength, advice);
}

function bind(): NativeFunction | undefined {
  if (process.platform !== 'linux' || process.env.CAIRN_NATIVE === 'off') return undefined;
  try {
    return openNativeLibrary()?.bind('int madvise(void *address, size_t length, int advice)');
  } catch {
    return undefined;
  }
}
