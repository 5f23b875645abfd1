import { type Logger, silentLogger } from '../base/logger.ts';
import { CairnArgumentError, type CairnError } from '../base/errors.ts';
import { ActivePlugin } from './active-plugin.ts';
import { parsePlugin, type Plugin } from './define-plugin.ts';
import { findPlugin, type PluginPlaces } from './find-plugin.ts';
import { importPlugin } from './import-plugin.ts';
import { DEFAULT_PLUGIN_TIMEOUT_MS, type PluginEntry } from './plugin-entry.ts';
import { pluginFailed } from './plugin-failure.ts';
import { PluginRegistry, type ReservedNames } from './plugin-registry.ts';
import { withTimeLimit } from './time-limit.ts';

export interface PluginHostOptions extends PluginPlaces {
  /** What plugins get as `context.config.profile`. */
  readonly profile?: unknown;
  readonly logger?: Logger | undefined;
  readonly reserved?: ReservedNames | undefined;
  /** For plugins that say nothing of their own. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The plugins of one program run. They are loaded and activated one after the other, in the order in which they are
 * listed, and deactivated in the reverse order when this is disposed.
 */
export class PluginHost implements AsyncDisposable {
  readonly registry: PluginRegistry;
  readonly #options: PluginHostOptions;
  readonly #logger: Logger;
  readonly #active: ActivePlugin[] = [];
  readonly #failures: CairnError[] = [];

  private constructor(options: PluginHostOptions) {
    this.#options = options;
    this.#logger = options.logger ?? silentLogger;
    this.registry = new PluginRegistry(options.reserved);
  }

  /**
   * A plugin that fails is a warning that names it. One that is required throws `PLUGIN_FAILED`; those before it are
   * deactivated then.
   */
  static async load(entries: readonly PluginEntry[], options: PluginHostOptions): Promise<PluginHost> {
    const host = new PluginHost(options);
    try {
      for (const entry of entries) await host.#add(entry);
      return host;
    } catch (error) {
      await host[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Names of the plugins at work, in the order in which they were activated. */
  get names(): readonly string[] {
    return this.#active.map(({ name }) => name);
  }

  /** Why plugins that are not required are not at work. */
  get failures(): readonly CairnError[] {
    return this.#failures;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (let plugin = this.#active.pop(); plugin !== undefined; plugin = this.#active.pop()) await plugin.deactivate();
  }

  async #add(entry: PluginEntry): Promise<void> {
    const { signal } = this.#options;
    signal?.throwIfAborted();
    const required = entry.required ?? false;
    const timeoutMs = entry.timeoutMs ?? this.#options.timeoutMs ?? DEFAULT_PLUGIN_TIMEOUT_MS;
    try {
      const plugin = await this.#load(entry, timeoutMs);
      const settings = { options: Object.freeze({ ...entry.options }), profile: this.#options.profile };
      const { registry } = this;
      const logger = this.#logger;
      const activation = { plugin, settings, required, timeoutMs, registry, logger };
      this.#active.push(await ActivePlugin.activate(activation, signal));
    } catch (error) {
      signal?.throwIfAborted();
      const failure = pluginFailed(nameOf(entry), 'load', error);
      if (required) throw failure;
      this.#failures.push(failure);
      this.#logger.warn(failure.message, failure.facts);
    }
  }

  async #load({ use }: PluginEntry, timeoutMs: number): Promise<Plugin> {
    const { signal } = this.#options;
    const plugin =
      typeof use === 'string'
        ? await withTimeLimit(timeoutMs, async () => importPlugin(await findPlugin(use, this.#options)), signal)
        : parsePlugin(use);
    if (this.names.includes(plugin.name)) throw new CairnArgumentError('another plugin of that name is loaded already');
    return plugin;
  }
}

function nameOf({ use }: PluginEntry): string {
  return typeof use === 'string' ? use : use.name;
}
