import { loadKoffi } from './koffi.ts';

type Trim = (keep: number) => number;

let trim: Trim | undefined | 'unavailable';

/**
 * Lets the C library give freed memory back to the system (glibc's `malloc_trim`): V8's compilers leave tens of megabytes behind, which it
 * keeps for later. Takes some milliseconds; does nothing where there is no such call.
 */
export function giveBackMemory(): void {
  trim ??= bind() ?? 'unavailable';
  if (trim !== 'unavailable') trim(0);
}

function bind(): Trim | undefined {
  if (process.platform !== 'linux' || process.env['CAIRN_NATIVE'] === 'off') return undefined;
  try {
    // SAFETY: the prototype is the one of <malloc.h>.
    return loadKoffi().load(null).func('int malloc_trim(size_t keep)') as Trim;
  } catch {
    return undefined;
  }
}
