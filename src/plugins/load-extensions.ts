import type { CairnError } from '../base/errors.ts';
import { type Logger, silentLogger } from '../base/logger.ts';
import { attachHooks } from './attach-hooks.ts';
import type { Plugin } from './define-plugin.ts';
import type { HookTable } from './hook-entry.ts';
import type { PluginEntry } from './plugin-entry.ts';
import type { PluginCommand } from './plugin-command.ts';
import type { NotifierFactory } from './plugin-notifier.ts';
import type { ReservedNames } from './plugin-registry.ts';
import { PluginHost } from './plugin-host.ts';
import { initVault, openVault, type VaultPlace } from '../vault/open-vault.ts';
import type { VaultEventName, VaultListener } from '../vault/vault-events.ts';
import type { VaultExtensions } from '../vault/vault-extensions.ts';
import type { InitVaultOptions, OpenVaultOptions } from '../vault/vault-options.ts';
import type { Vault } from '../vault/vault.ts';
import { defaultPluginsFolder } from './plugins-folder.ts';

export interface ExtensionsOptions {
  /** In the order in which they are activated. */
  readonly plugins?: readonly (Plugin | string | PluginEntry)[] | undefined;
  /** Commands that run at events. */
  readonly hooks?: HookTable | undefined;
  /** What relative paths of plugins are relative to, and where commands of hooks run; the current directory by default. */
  readonly folder?: string | undefined;
  /** Where plugins are found by the name of their file; `$XDG_CONFIG_HOME/cairn/plugins` by default. */
  readonly pluginsFolder?: string | undefined;
  /** The configuration that plugins get as `context.config.profile`. */
  readonly profile?: unknown;
  readonly logger?: Logger | undefined;
  /** For plugins that have no limit of their own; 30 s by default. */
  readonly pluginTimeoutMs?: number | undefined;
  readonly reserved?: ReservedNames | undefined;
  readonly env?: NodeJS.ProcessEnv | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Loads plugins and hooks, for all vaults that are opened with the result. Dispose it at the end: that deactivates the
 * plugins, the last one first. Throws `PLUGIN_FAILED` for a plugin that is required, and `CONFIG_INVALID` for a hook of
 * an event that there is not; any other plugin that fails is a warning to the logger.
 *
 * ```ts
 * await using extensions = await loadExtensions({ plugins: ['./timer-plugin.ts'], logger: console });
 * await using vault = await extensions.openVault('./vault', { password });
 * ```
 */
export async function loadExtensions(options: ExtensionsOptions = {}): Promise<Extensions> {
  const env = options.env ?? process.env;
  const logger = options.logger ?? silentLogger;
  const folder = options.folder ?? process.cwd();
  const host = await PluginHost.load((options.plugins ?? []).map(entryOf), {
    folder,
    pluginsFolder: options.pluginsFolder ?? defaultPluginsFolder(env),
    profile: options.profile,
    logger,
    reserved: options.reserved,
    timeoutMs: options.pluginTimeoutMs,
    signal: options.signal,
  });
  try {
    attachHooks(options.hooks ?? {}, host.registry.listeners, { folder, env, logger });
  } catch (error) {
    await host[Symbol.asyncDispose]();
    throw error;
  }
  return new Extensions(host, options.logger);
}

function entryOf(plugin: Plugin | string | PluginEntry): PluginEntry {
  return typeof plugin === 'object' && 'use' in plugin ? plugin : { use: plugin };
}

/** Plugins and hooks at work, for the vaults of one program. Made by `loadExtensions`. */
export class Extensions implements AsyncDisposable {
  readonly #host: PluginHost;
  readonly #logger: Logger | undefined;

  constructor(host: PluginHost, logger: Logger | undefined) {
    this.#host = host;
    this.#logger = logger;
  }

  /** Names of the plugins at work. */
  get plugins(): readonly string[] {
    return this.#host.names;
  }

  /** Why plugins that are not required are not at work; each was told as a warning. */
  get failures(): readonly CairnError[] {
    return this.#host.failures;
  }

  /** What `openVault` takes to know the storages, sources and listeners of the plugins. */
  get forVaults(): VaultExtensions {
    const { storages, sources, listeners } = this.#host.registry;
    return { storages, sources, listeners };
  }

  /** Commands that plugins add to the command line, by name. */
  get commands(): ReadonlyMap<string, PluginCommand> {
    return this.#host.registry.commands;
  }

  /** Notifiers of plugins, by type. */
  get notifiers(): ReadonlyMap<string, NotifierFactory> {
    return this.#host.registry.notifiers;
  }

  /** Listens to an event of all vaults that are opened with this, after the plugins and hooks. */
  on<N extends VaultEventName>(name: N, listener: VaultListener<N>): Disposable {
    return this.#host.registry.listeners.on(name, listener);
  }

  /** Listens to the next such event only. */
  once<N extends VaultEventName>(name: N, listener: VaultListener<N>): Disposable {
    return this.#host.registry.listeners.once(name, listener);
  }

  /** As `openVault`, with the plugins. */
  openVault(place: VaultPlace, options: OpenVaultOptions): Promise<Vault> {
    return openVault(place, this.#extend(options));
  }

  /** As `initVault`, with the plugins. */
  initVault(place: VaultPlace, options: InitVaultOptions): Promise<Vault> {
    return initVault(place, this.#extend(options));
  }

  /** Deactivates the plugins. Close the vaults first. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#host[Symbol.asyncDispose]();
  }

  #extend<O extends OpenVaultOptions>(options: O): O {
    return { ...options, logger: options.logger ?? this.#logger, extensions: this.forVaults };
  }
}
