import { join } from 'node:path';
import { userFolder } from '../base/user-folder.ts';

/** Where plugins are found by the name of their file; `undefined` where the variables name no folder of the user's. */
export function defaultPluginsFolder(env: NodeJS.ProcessEnv): string | undefined {
  const folder = userFolder(env, 'config');
  return folder === undefined ? undefined : join(folder, 'cairn', 'plugins');
}
