import { existsSync } from 'node:fs';
import { beginScryptThread } from '../kernels/scrypt-thread/scrypt-thread.ts';
import { defaultCacheFolder } from '../vault/cache-folder.ts';

/**
 * Begins, while the code is still being loaded, what a backup of a known source waits for longest: the thread that
 * mixes the key. A guess from the arguments is enough, since a thread that nobody uses ends with the process.
 */
export function startAhead(argv: readonly string[], env: NodeJS.ProcessEnv): void {
  const readsAll = argv.includes('--force') || argv.includes('-f');
  if (argv.includes('backup') && !readsAll && existsSync(defaultCacheFolder(env))) beginScryptThread();
}
