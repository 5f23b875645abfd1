// What the system may be told about a large piece of memory. Advice only: where it cannot be given, nothing is lost
// but time, or memory for a while.
import { openNativeLibrary, type NativeFunction } from './native-library.ts';

// From <sys/mman.h> of Linux, on every architecture.
const MADV_DONTNEED = 4;
const MADV_HUGEPAGE = 14;
const MADV_NOHUGEPAGE = 15;

const HUGE_PAGE_BYTES = 2 * 1024 * 1024;
/** A huge page takes 0.2 ms where the system has one at hand. */
const SLOW_MS = 0.8;

/**
 * For memory that is about to be used whole: first touches cost a fifth in pages of 2 MiB. Not so in a virtual machine
 * that has given its free memory back: there the host finds each of these pages anew, in up to 5 ms, where small pages
 * come from what was in use a moment ago. So two are tried.
 */
export function adviseHugePages(memory: Uint8Array): void {
  if (memory.length < 4 * HUGE_PAGE_BYTES || !advise(memory, MADV_HUGEPAGE)) return;
  const started = performance.now();
  memory.fill(0, HUGE_PAGE_BYTES, HUGE_PAGE_BYTES + 1);
  memory.fill(0, 2 * HUGE_PAGE_BYTES, 2 * HUGE_PAGE_BYTES + 1);
  if (performance.now() - started > 2 * SLOW_MS) advise(memory, MADV_NOHUGEPAGE);
}

/** Gives memory back at once that its owner will never look at again; it may read as zeros afterwards. */
export function releasePages(memory: Uint8Array): void {
  advise(memory, MADV_DONTNEED);
}

let madvise: NativeFunction | undefined | 'unavailable';

function advise(memory: Uint8Array, advice: number): boolean {
  madvise ??= bind() ?? 'unavailable';
  return madvise !== 'unavailable' && madvise(memory, memory.byteLength, advice) === 0;
}

function bind(): NativeFunction | undefined {
  if (process.platform !== 'linux' || process.env.CAIRN_NATIVE === 'off') return undefined;
  try {
    return openNativeLibrary()?.bind('int madvise(void *address, size_t length, int advice)');
  } catch {
    return undefined;
  }
}
