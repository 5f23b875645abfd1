// The configuration of this command line. Where there is no file, neither YAML nor the schema is loaded.
import { loadConfig } from '../config/load-config.ts';
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
    const loaded = await loadConfig({ file, profile, env });
    loaded?.warnings.forEach(warn);
    return loaded;
  };
  return () => (loading ??= load());
}
