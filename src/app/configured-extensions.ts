import type { Logger } from '../base/logger.ts';
import type { LoadedConfig } from '../config/loaded-config.ts';
import type { PlanConfig } from '../config/plan-config.ts';
import type { Plugin } from '../plugins/define-plugin.ts';
import type { Extensions } from '../plugins/load-extensions.ts';
import type { PluginEntry } from '../plugins/plugin-entry.ts';
import type { ReservedNames } from '../plugins/plugin-registry.ts';
import type { RunHooks } from './run-sources.ts';

export interface ConfiguredExtensionsOptions {
  /** Plugins that are not in the configuration; activated after those that are. */
  readonly plugins?: readonly (Plugin | string | PluginEntry)[] | undefined;
  readonly env: NodeJS.ProcessEnv;
  readonly logger: Logger;
  readonly reserved?: ReservedNames | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Loads the plugins and hooks of a configuration; `undefined`, and nothing is loaded, where there are none. Throws
 * `PLUGIN_FAILED` for a plugin that is required, and `CONFIG_INVALID`.
 */
export async function configuredExtensions(
  loaded: LoadedConfig,
  { plugins = [], ...options }: ConfiguredExtensionsOptions,
): Promise<Extensions | undefined> {
  const { config, folder } = loaded;
  const entries = [...config.plugins, ...plugins];
  if (entries.length === 0 && Object.keys(config.hooks).length === 0) return undefined;
  loaded.requireVariables(['plugins']);
  loaded.requireVariables(['hooks']);
  const { loadExtensions } = await import('../plugins/load-extensions.ts');
  return loadExtensions({
    ...options,
    plugins: entries,
    hooks: config.hooks,
    folder,
    pluginsFolder: config.pluginsDir,
    profile: config,
  });
}

/** The hooks of a plan, for `runSources`. */
export function planHooks(
  { hooks }: PlanConfig,
  { folder }: LoadedConfig,
  { env, logger }: Pick<ConfiguredExtensionsOptions, 'env' | 'logger'>,
): RunHooks {
  return { table: hooks, folder, env, logger };
}
