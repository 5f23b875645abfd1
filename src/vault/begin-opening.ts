import { beginScryptThread } from '../kernels/scrypt-thread/scrypt-thread.ts';

/**
 * Begins what opening a vault waits for longest: a thread that derives the key. For those who will open one soon and
 * have other work until then. A thread that nobody uses ends with the process.
 */
export function beginOpening(): void {
  beginScryptThread();
}
