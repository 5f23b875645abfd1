// The configuration of this command line. Where there is no file, neither YAML nor the schema is loaded.
import { CairnError } from '../base/errors.ts';
import { findConfig } from '../config/find-config.ts';
import type { LoadedConfig } from '../config/loaded-config.ts';

/** Gives the configuration, loaded at the first call, or `undefined` where there is none. Throws `CONFIG_INVALID`. */
export type ConfigReader = () => Promise<LoadedConfig | undefined>;

interface ConfigChoice {
  readonly config?: string | undefined;
  readonly profile?: string | undefined;
}

export function configReader(
  { config: file, profile }: ConfigChoice,
  env: NodeJS.ProcessEnv,
  warn: (text: string) => void,
): ConfigReader {
  let loading: Promise<LoadedConfig | undefined> | undefined;
  const load = async (): Promise<LoadedConfig | undefined> => {
    const wanted = profile ?? (env['CAIRN_PROFILE'] || undefined);
    const found = findConfig({ file, env, cwd: process.cwd() });
    if (found === undefined) {
      if (wanted === undefined) return undefined;
      throw new CairnError('CONFIG_INVALID', `there is no configuration that could have the profile ${wanted}`, {
        hint: 'Make one with `cairn config init`, or name it with --config FILE.',
      });
    }
    const { loadFoundConfig } = await import('../config/load-config.ts');
    const loaded = loadFoundConfig(found, { profile: wanted, env });
    loaded.warnings.forEach(warn);
    return loaded;
  };
  return () => (loading ??= load());
}
