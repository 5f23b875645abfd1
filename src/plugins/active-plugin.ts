import { hasCode } from '../base/errors.ts';
import type { LogFacts, Logger } from '../base/logger.ts';
import type { VaultEventName, VaultListener } from '../vault/vault-events.ts';
import type { Plugin, PluginContext, PluginSettings } from './define-plugin.ts';
import { pluginFailed } from './plugin-failure.ts';
import type { PluginRegistry } from './plugin-registry.ts';
import { withTimeLimit } from './time-limit.ts';

export interface ActivationOptions {
  readonly plugin: Plugin;
  readonly settings: PluginSettings;
  readonly required: boolean;
  readonly timeoutMs: number;
  readonly registry: PluginRegistry;
  readonly logger: Logger;
}

/** A plugin at work, and all that it registered. */
export class ActivePlugin {
  readonly #options: ActivationOptions;
  readonly #context: PluginContext;
  readonly #registrations = new DisposableStack();
  readonly #ended = new AbortController();

  private constructor(options: ActivationOptions) {
    this.#options = options;
    this.#context = this.#makeContext();
  }

  /** Throws `PLUGIN_FAILED`; nothing of the plugin stays registered then. */
  static async activate(options: ActivationOptions, signal?: AbortSignal): Promise<ActivePlugin> {
    const { plugin, timeoutMs } = options;
    const active = new ActivePlugin(options);
    try {
      await withTimeLimit(timeoutMs, () => plugin.activate(active.#context), signal);
      return active;
    } catch (error) {
      const failure = pluginFailed(plugin.name, 'activate', error);
      active.#end(failure);
      throw failure;
    }
  }

  get name(): string {
    return this.#options.plugin.name;
  }

  /** Never throws: the plugin is gone afterwards, whatever it does. */
  async deactivate(): Promise<void> {
    const { plugin, timeoutMs, logger } = this.#options;
    try {
      await withTimeLimit(timeoutMs, () => plugin.deactivate?.(this.#context));
    } catch (error) {
      const { message, facts } = pluginFailed(plugin.name, 'deactivate', error);
      logger.warn(message, facts);
    }
    this.#end(new Error(`the plugin ${plugin.name} was deactivated`));
  }

  #end(reason: Error): void {
    this.#registrations.dispose();
    this.#ended.abort(reason);
  }

  #makeContext(): PluginContext {
    const { plugin, settings, registry, logger } = this.#options;
    const { name } = plugin;
    const keep = (registration: Disposable): Disposable => this.#registrations.use(registration);
    // One that was given up may come back to life; by then it must not register anything.
    const assertActive = (): void => this.#ended.signal.throwIfAborted();
    return {
      config: settings,
      logger: namedLogger(logger, name),
      signal: this.#ended.signal,
      on: (event, listener) => {
        assertActive();
        return keep(registry.listeners.on(event, this.#guarded(event, listener)));
      },
      once: (event, listener) => {
        assertActive();
        return keep(registry.listeners.once(event, this.#guarded(event, listener)));
      },
      registerStorage: (scheme, open) => {
        assertActive();
        keep(registry.addStorage(name, scheme, open));
      },
      registerSource: (type, factory) => {
        assertActive();
        keep(registry.addSource(name, type, factory));
      },
      registerNotifier: (type, factory) => {
        assertActive();
        keep(registry.addNotifier(type, factory));
      },
      registerCommand: (command) => {
        assertActive();
        keep(registry.addCommand(name, command));
      },
    };
  }

  /** A veto is meant; anything else that a listener throws is a fault, which stops an action only where the plugin is required. */
  #guarded<N extends VaultEventName>(name: N, listener: VaultListener<N>): VaultListener<N> {
    const { plugin, required, timeoutMs, logger } = this.#options;
    return async (event) => {
      try {
        await withTimeLimit(timeoutMs, () => listener(event));
      } catch (error) {
        if (hasCode(error, 'ACTION_VETOED')) throw error;
        const failure = pluginFailed(plugin.name, 'listener', error, name);
        if (required && name.endsWith('.before')) throw failure;
        logger.warn(failure.message, failure.facts);
      }
    };
  }
}

function namedLogger(logger: Logger, plugin: string): Logger {
  const withName = (facts: LogFacts | undefined): LogFacts => ({ ...facts, plugin });
  return {
    debug: (message, facts) => logger.debug(message, withName(facts)),
    info: (message, facts) => logger.info(message, withName(facts)),
    warn: (message, facts) => logger.warn(message, withName(facts)),
    error: (message, facts) => logger.error(message, withName(facts)),
  };
}
