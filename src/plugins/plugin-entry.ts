import type { Plugin } from './define-plugin.ts';

/** A plugin that is wanted, and how. */
export interface PluginEntry {
  /** A path, the name of a file in the folder of plugins, the name of an npm package, or the plugin itself. */
  readonly use: string | Plugin;
  /** Given to the plugin as `context.config.options`. */
  readonly options?: Readonly<Record<string, unknown>> | undefined;
  /** Nothing is done without it: where it fails, everything that needs it fails. */
  readonly required?: boolean | undefined;
  /** Its `activate`, each of its listeners and its `deactivate` are given up after this time; 30 s by default. */
  readonly timeoutMs?: number | undefined;
}

export const DEFAULT_PLUGIN_TIMEOUT_MS = 30_000;
