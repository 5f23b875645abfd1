import { join } from 'node:path';
import { userFolder } from '../base/user-folder.ts';

/**
 * Where the catalog of this machine lies: CAIRN_CATALOG, or `cairn/catalog.sqlite` in the user's data folder; `undefined`
 * where the variables name neither.
 */
export function defaultCatalogFile(env: NodeJS.ProcessEnv): string | undefined {
  const chosen = env['CAIRN_CATALOG'];
  if (chosen !== undefined && chosen !== '') return chosen;
  const folder = userFolder(env, 'data');
  return folder === undefined ? undefined : join(folder, 'cairn', 'catalog.sqlite');
}
