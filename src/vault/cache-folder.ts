import { join } from 'node:path';
import { userFolder } from '../base/user-folder.ts';

/**
 * Where local copies of the metadata of remote vaults lie: CAIRN_CACHE_DIR, or `cairn` in the user's cache folder;
 * `undefined` where the variables name neither.
 */
export function defaultCacheFolder(env: NodeJS.ProcessEnv): string | undefined {
  const chosen = env['CAIRN_CACHE_DIR'] ?? env['RESTIC_CACHE_DIR'];
  if (chosen !== undefined && chosen !== '') return chosen;
  const folder = userFolder(env, 'cache');
  return folder === undefined ? undefined : join(folder, 'cairn');
}
