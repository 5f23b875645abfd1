import { existsSync, readdirSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { packageFile } from '../base/package-files.ts';
import { defaultCacheFolder } from '../vault/cache-folder.ts';

/**
 * Lets V8 keep what it compiles for the next start, threads included (src/base/start-worker.ts). Beside the code where
 * the build has filled it (scripts/warm-code.ts), else in the user's own folder: Node's default lies in the shared
 * temporary folder, where others could put code that we would run. The first backup makes the user's folder; until
 * then nothing is kept there, so that asking for help leaves no traces.
 */
export function enableCodeCache(env: NodeJS.ProcessEnv): void {
  const built = fileURLToPath(packageFile('bundle/code'));
  if (isFilledForUs(built)) enableCompileCache(built);
  else {
    const folder = defaultCacheFolder(env);
    if (folder !== undefined && existsSync(folder)) enableCompileCache(join(folder, 'code'));
  }
}

/** Node names the folders inside after its version, the architecture, V8's flags and the user that wrote them. */
function isFilledForUs(folder: string): boolean {
  try {
    const begin = `${process.version}-${process.arch}-`;
    const end = `-${process.getuid?.() ?? ''}`;
    return readdirSync(folder).some((name) => name.startsWith(begin) && name.endsWith(end));
  } catch {
    return false;
  }
}
