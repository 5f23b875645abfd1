import { lstatSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { CairnError, messageOf } from '../base/errors.ts';
import { userFolder } from '../base/user-folder.ts';

const CONFIG_NAME = 'cairn.yaml';

/** A configuration file, and how it was found. */
export interface FoundConfig {
  readonly file: string;
  readonly by: 'flag' | 'CAIRN_CONFIG' | 'folder' | 'user';
}

export interface ConfigSearch {
  /** A file that was named; it has to exist. */
  readonly file?: string | undefined;
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
}

/** The user's own file, for every folder; `undefined` where the variables name no folder of theirs. */
export function userConfigFile(env: NodeJS.ProcessEnv): string | undefined {
  const folder = userFolder(env, 'config');
  return folder === undefined ? undefined : join(folder, 'cairn', CONFIG_NAME);
}

/**
 * The file that was named, then the one that CAIRN_CONFIG names, then `cairn.yaml` in the folder or the nearest one above,
 * then the user's own. Throws `CONFIG_INVALID` where a named one is not there, or a found one is not to be trusted.
 */
export function findConfig({ file, env, cwd }: ConfigSearch): FoundConfig | undefined {
  if (file !== undefined) return named(resolve(cwd, file), 'flag', '--config');
  const byVariable = env['CAIRN_CONFIG'];
  if (byVariable !== undefined && byVariable !== '') {
    return named(resolve(cwd, byVariable), 'CAIRN_CONFIG', 'CAIRN_CONFIG');
  }
  for (let folder = resolve(cwd); ; folder = dirname(folder)) {
    const candidate = join(folder, CONFIG_NAME);
    if (isThere(candidate)) return trusted({ file: candidate, by: 'folder' });
    if (dirname(folder) === folder) break;
  }
  const own = userConfigFile(env);
  return own !== undefined && isThere(own) ? trusted({ file: own, by: 'user' }) : undefined;
}

function named(file: string, by: 'flag' | 'CAIRN_CONFIG', what: string): FoundConfig {
  if (isThere(file)) return { file, by };
  throw new CairnError('CONFIG_INVALID', `there is no file ${file} (from ${what})`, {
    hint: 'Name an existing file, or make one with `cairn config init`.',
    facts: { file },
  });
}

function isThere(file: string): boolean {
  try {
    return statSync(file, { throwIfNoEntry: false })?.isFile() === true;
  } catch (error) {
    throw new CairnError('CONFIG_INVALID', `cannot look for ${file}: ${messageOf(error)}`, { cause: error });
  }
}

/** A configuration runs commands: one that somebody else left in a folder above must not run them as this user. */
function trusted(found: FoundConfig): FoundConfig {
  const { uid, mode } = statSync(found.file);
  const self = process.getuid?.();
  // A symlink of somebody else chooses which file is run, just as a file of theirs would.
  const owners = [uid, lstatSync(found.file).uid];
  const isForeign = self !== undefined && owners.some((owner) => owner !== self && owner !== 0);
  if (!isForeign && (process.platform === 'win32' || (mode & 0o002) === 0)) return found;
  const why = isForeign ? 'belongs to another user' : 'can be written by every user of this machine';
  throw new CairnError('CONFIG_INVALID', `${found.file} ${why}, and a configuration can run commands`, {
    hint: isForeign
      ? `If you trust it, name it: --config ${found.file}`
      : `Run: chmod o-w ${found.file}. Or name it, if you trust it: --config ${found.file}`,
    facts: { file: found.file },
  });
}
