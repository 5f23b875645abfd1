// Where a user's own files are, as variables say it: HOME, and the XDG Base Directory Specification. Only variables that
// were given count, so that a program that gives its own keeps everything of ours where it wants it. The one place that
// asks the system for a home directory; a test holds that.
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

export type UserFolderKind = 'data' | 'config' | 'cache' | 'state';

const places: Readonly<Record<UserFolderKind, readonly [variable: string, ...fallback: string[]]>> = {
  data: ['XDG_DATA_HOME', '.local', 'share'],
  config: ['XDG_CONFIG_HOME', '.config'],
  cache: ['XDG_CACHE_HOME', '.cache'],
  state: ['XDG_STATE_HOME', '.local', 'state'],
};

/**
 * HOME. Where the variables of this process have none, as under some service managers, the one that the system has for its
 * user; other variables without it name no home, and then this is `undefined`.
 */
export function homeFolder(env: NodeJS.ProcessEnv): string | undefined {
  const home = env['HOME'];
  if (home !== undefined && home !== '') return home;
  return env === process.env ? homedir() : undefined;
}

/** A folder of the user's for one kind of file; `undefined` where no variable says where. */
export function userFolder(env: NodeJS.ProcessEnv, kind: UserFolderKind): string | undefined {
  const [variable, ...fallback] = places[kind];
  const xdg = env[variable];
  // A relative path there is to be ignored, says the specification.
  if (xdg !== undefined && isAbsolute(xdg)) return xdg;
  const home = homeFolder(env);
  return home === undefined ? undefined : join(home, ...fallback);
}

/** `env` with more variables over it, and the same home. */
export function extendEnv(env: NodeJS.ProcessEnv, more: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const home = homeFolder(env);
  return { ...env, ...(home === undefined ? {} : { HOME: home }), ...more };
}
