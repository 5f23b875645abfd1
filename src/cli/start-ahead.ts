import { existsSync } from 'node:fs';
import { beginOpening } from '../vault/begin-opening.ts';
import { defaultCacheFolder } from '../vault/cache-folder.ts';
import { enableCodeCache } from './code-cache.ts';

/**
 * What pays before the code of a command is loaded: V8's code cache, and for a backup of a known source what it will
 * wait for longest, its key. A guess from the arguments is enough.
 */
export function startAhead(argv: readonly string[], env: NodeJS.ProcessEnv): void {
  enableCodeCache(env);
  if (!argv.includes('backup') || argv.includes('--force') || argv.includes('-f')) return;
  // A machine without that folder has no backup yet, and reads everything.
  const folder = defaultCacheFolder(env);
  if (folder !== undefined && existsSync(folder)) beginOpening();
}
