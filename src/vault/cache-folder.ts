import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

/** Where local copies of the metadata of remote vaults lie: CAIRN_CACHE_DIR, or `cairn` in the user's cache folder. */
export function defaultCacheFolder(env: NodeJS.ProcessEnv): string {
  const chosen = env['CAIRN_CACHE_DIR'] ?? env['RESTIC_CACHE_DIR'];
  if (chosen !== undefined && chosen !== '') return chosen;
  const xdg = env['XDG_CACHE_HOME'];
  if (xdg !== undefined && isAbsolute(xdg)) return join(xdg, 'cairn');
  return join(env['HOME'] ?? homedir(), '.cache', 'cairn');
}
