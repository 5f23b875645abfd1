import { join } from 'node:path';
import { userFolder } from '../base/user-folder.ts';

/** Where the vault of a user who has set up nothing is, and its key. */
export interface DefaultPlaces {
  readonly vault: string;
  readonly keyFile: string;
}

/** `undefined` where no variable says where the home directory is. */
export function findDefaultPlaces(env: NodeJS.ProcessEnv): DefaultPlaces | undefined {
  const data = userFolder(env, 'data');
  const config = userFolder(env, 'config');
  if (data === undefined || config === undefined) return undefined;
  return { vault: join(data, 'cairn', 'vault'), keyFile: join(config, 'cairn', 'key') };
}
