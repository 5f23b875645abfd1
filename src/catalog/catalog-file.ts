import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

/** Where the catalog of this machine lies: CAIRN_CATALOG, or `cairn/catalog.sqlite` in the user's data folder. */
export function defaultCatalogFile(env: NodeJS.ProcessEnv): string {
  const chosen = env['CAIRN_CATALOG'];
  if (chosen !== undefined && chosen !== '') return chosen;
  const xdg = env['XDG_DATA_HOME'];
  // XDG's directories count where they are absolute paths, as its specification wants.
  const data = xdg !== undefined && isAbsolute(xdg) ? xdg : join(env['HOME'] ?? homedir(), '.local', 'share');
  return join(data, 'cairn', 'catalog.sqlite');
}
