// Places of the user's that a command cannot do without. The library goes without a cache or a catalog where the variables
// it was given name no home; a command was asked for them.
import { defaultCatalogFile } from '../catalog/catalog-file.ts';
import { CairnError } from '../base/errors.ts';
import { homeFolder } from '../base/user-folder.ts';
import { userConfigFile } from '../config/find-config.ts';
import { defaultCacheFolder } from '../vault/cache-folder.ts';

export function cacheFolder(env: NodeJS.ProcessEnv): string {
  return defaultCacheFolder(env) ?? homeless();
}

export function catalogFile(env: NodeJS.ProcessEnv): string {
  return defaultCatalogFile(env) ?? homeless();
}

export function configFile(env: NodeJS.ProcessEnv): string {
  return userConfigFile(env) ?? homeless();
}

export function home(env: NodeJS.ProcessEnv): string {
  return homeFolder(env) ?? homeless();
}

/** Throws `CONFIG_INVALID`. */
export function homeless(): never {
  throw new CairnError('CONFIG_INVALID', 'no variable says where the home directory is', {
    hint: 'Set HOME, or the XDG_… variable of the folder that is needed.',
  });
}
