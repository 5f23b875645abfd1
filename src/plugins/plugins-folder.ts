import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

/** Where plugins are found by the name of their file, by the XDG base directory rules. */
export function defaultPluginsFolder(env: NodeJS.ProcessEnv): string {
  const xdg = env['XDG_CONFIG_HOME'];
  // A relative path there is to be ignored (XDG Base Directory Specification).
  const base = xdg !== undefined && isAbsolute(xdg) ? xdg : join(env['HOME'] ?? homedir(), '.config');
  return join(base, 'cairn', 'plugins');
}
