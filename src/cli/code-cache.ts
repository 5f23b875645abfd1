import { existsSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { join } from 'node:path';
import { defaultCacheFolder } from '../vault/cache-folder.ts';

/**
 * Lets V8 keep what it compiles for the next start, threads included (src/base/start-worker.ts). In the user's own
 * folder: Node's default lies in the shared temporary folder, where others could put code that we would run. The
 * first backup makes that folder; until then nothing is kept, so that asking for help leaves no traces.
 */
export function enableCodeCache(env: NodeJS.ProcessEnv): void {
  const folder = defaultCacheFolder(env);
  if (folder !== undefined && existsSync(folder)) enableCompileCache(join(folder, 'code'));
}
