// Finds the configuration; where there is none, nothing that reads one is loaded.
import { CairnError } from '../base/errors.ts';
import { findConfig } from './find-config.ts';
import type { LoadedConfig } from './loaded-config.ts';

export interface LoadConfigOptions {
  /** A file that has to exist; by default it is looked for. */
  readonly file?: string | undefined;
  /** By default that of CAIRN_PROFILE, or none. */
  readonly profile?: string | undefined;
  readonly env?: NodeJS.ProcessEnv | undefined;
  readonly cwd?: string | undefined;
}

/**
 * Finds and loads the configuration: the file that is named, `cairn.yaml` in the folder or above, or the user's own.
 * `undefined` where there is none. Throws `CONFIG_INVALID` with all that is wrong, by file, line, column and key.
 *
 * ```ts
 * const loaded = await loadConfig({ profile: 'production' });
 * console.log(loaded?.config.plans);
 * ```
 */
export async function loadConfig(options: LoadConfigOptions = {}): Promise<LoadedConfig | undefined> {
  const { env = process.env, cwd = process.cwd() } = options;
  const profile = options.profile ?? (env['CAIRN_PROFILE'] || undefined);
  const found = findConfig({ file: options.file, env, cwd });
  if (found !== undefined) return (await import('./read-config.ts')).readConfig(found, { profile, env });
  if (profile === undefined) return undefined;
  throw new CairnError('CONFIG_INVALID', `there is no configuration that could have the profile ${profile}`, {
    hint: 'Make one with `cairn config init`, or name it with --config FILE.',
  });
}
