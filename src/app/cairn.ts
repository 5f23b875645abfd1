// Vaults, sources and plans by the names that a configuration gives them.
import { CairnArgumentError } from '../base/errors.ts';
import { type Logger, silentLogger } from '../base/logger.ts';
import type { Job } from '../base/job.ts';
import type { Secret } from '../base/secret.ts';
import { joinUrls } from '../storage/mirror/mirror-url.ts';
import type { ConfigInput } from '../config/config-input.ts';
import { loadConfig } from '../config/load-config.ts';
import type { LoadedConfig } from '../config/loaded-config.ts';
import type { PlanConfig } from '../config/plan-config.ts';
import type { Plugin } from '../plugins/define-plugin.ts';
import type { Extensions } from '../plugins/load-extensions.ts';
import type { PluginEntry } from '../plugins/plugin-entry.ts';
import { vaultVariables } from '../config/vault-variables.ts';
import { openVault } from '../vault/open-vault.ts';
import type { VaultEventName, VaultListener } from '../vault/vault-events.ts';
import { VaultListeners } from '../vault/vault-listeners.ts';
import type { OpenVaultOptions, VaultNotice } from '../vault/vault-options.ts';
import type { Vault } from '../vault/vault.ts';
import { configuredExtensions, planHooks } from './configured-extensions.ts';
import { type ConfiguredSource, configuredSource } from './configured-source.ts';
import { runNotified } from './notifications/run-notified.ts';
import { runSources, type RunSourcesOptions, type RunSourcesResult } from './run-sources.ts';

export interface CairnOptions {
  /** A configuration in code, with the keys of `cairn.yaml`. */
  readonly config?: ConfigInput | undefined;
  /** A file; by default `cairn.yaml` in the folder or above, or the user's own. */
  readonly configFile?: string | undefined;
  readonly profile?: string | undefined;
  /**
   * The variables that everything goes by: the search for the file, `${NAME}` in it, folders of the user for the cache and
   * the catalog, storages, hooks and programs. Those of this process by default. Without HOME and the XDG variables there is
   * no cache and no catalog: nothing is written to a place that nobody named.
   */
  readonly env?: NodeJS.ProcessEnv | undefined;
  /** Where relative paths start and the search for the file begins; the working directory by default. */
  readonly cwd?: string | undefined;
  readonly onNotice?: ((notice: VaultNotice) => void) | undefined;
  /** Gets notices, what plugins and hooks say, and the beginning and the end of every action. */
  readonly logger?: Logger | undefined;
  /** Plugins beside those of the configuration; activated after them. */
  readonly plugins?: readonly (Plugin | string | PluginEntry)[] | undefined;
}

const KNOWN: ReadonlySet<string> = new Set<keyof CairnOptions>([
  'config',
  'configFile',
  'profile',
  'env',
  'cwd',
  'onNotice',
  'logger',
  'plugins',
]);

/**
 * Cairn with a configuration: one that code gives, a file that is named, or the one that is found. Throws
 * `CONFIG_INVALID` with all that is wrong in a file, `ARGUMENT_INVALID` for options and a configuration in code, and
 * `PLUGIN_FAILED` for a plugin that is required. Dispose it at the end: that closes the vaults and deactivates the plugins.
 *
 * ```ts
 * await using cairn = await createCairn({ profile: 'production' });
 * const result = await cairn.plan('nightly').run();
 * ```
 */
export async function createCairn(options: CairnOptions = {}): Promise<Cairn> {
  const unknown = Object.keys(options).filter((key) => !KNOWN.has(key));
  if (unknown.length > 0) {
    throw new CairnArgumentError(`createCairn has no option ${unknown.join(', ')}`, {
      hint: `It has ${[...KNOWN].join(', ')}.`,
    });
  }
  const { config, configFile, profile, env = process.env, cwd = process.cwd(), onNotice, logger, plugins } = options;
  if (config !== undefined && configFile !== undefined) {
    throw new CairnArgumentError('config and configFile exclude each other');
  }
  const loaded = config === undefined ? await loadConfig({ file: configFile, profile, env, cwd }) : undefined;
  const found = loaded ?? (await configInCode(config ?? {}, { profile, env, cwd }));
  found.warnings.forEach((message) => onNotice?.({ level: 'warning', message }));
  const told = logger ?? noticeLogger(onNotice);
  const extensions = await configuredExtensions(found, { plugins, env, logger: told });
  return new Cairn(found, { env, onNotice, logger, extensions });
}

/** What plugins and hooks say goes where notices go. */
function noticeLogger(onNotice: CairnOptions['onNotice']): Logger {
  const info = (message: string): void => onNotice?.({ level: 'info', message });
  const warn = (message: string): void => onNotice?.({ level: 'warning', message });
  return { ...silentLogger, info, warn, error: warn };
}

/** YAML and the schema are loaded only where they are used. */
async function configInCode(
  config: ConfigInput,
  context: Required<Pick<CairnOptions, 'profile'>> & { readonly env: NodeJS.ProcessEnv; readonly cwd: string },
): Promise<LoadedConfig> {
  return (await import('../config/read-config.ts')).configOfCode(config, context);
}

/** What a plan of the configuration can do. */
export interface Plan {
  readonly name: string;
  readonly config: PlanConfig;
  /** Backs up its sources in their order and applies its rules of keeping. What fails is in the result. */
  readonly run: (options?: Omit<RunSourcesOptions, 'keep' | 'hooks'>) => Job<RunSourcesResult>;
}

interface CairnContext {
  readonly env: NodeJS.ProcessEnv;
  readonly onNotice: ((notice: VaultNotice) => void) | undefined;
  readonly logger: Logger | undefined;
  readonly extensions: Extensions | undefined;
}

/** Made by `createCairn`. Opens each vault once, and closes them all. */
export class Cairn implements AsyncDisposable {
  readonly #loaded: LoadedConfig;
  readonly #context: CairnContext;
  readonly #vaults = new Map<string, Promise<Vault>>();
  readonly #listeners: VaultListeners;
  /** Passwords of the vaults that were opened, to be kept out of messages. */
  readonly #passwords = new Set<Secret>();

  constructor(loaded: LoadedConfig, context: CairnContext) {
    this.#loaded = loaded;
    this.#context = context;
    this.#listeners = context.extensions?.forVaults.listeners ?? new VaultListeners();
  }

  /** The configuration, checked; without the values of secrets. */
  get config(): LoadedConfig {
    return this.#loaded;
  }

  /** Names of the plugins at work. */
  get plugins(): readonly string[] {
    return this.#context.extensions?.plugins ?? [];
  }

  /** Listens to an event of all vaults, after the plugins and hooks. Dispose the result to stop. */
  on<N extends VaultEventName>(name: N, listener: VaultListener<N>): Disposable {
    return this.#listeners.on(name, listener);
  }

  /** Listens to the next such event only. */
  once<N extends VaultEventName>(name: N, listener: VaultListener<N>): Disposable {
    return this.#listeners.once(name, listener);
  }

  /** A vault by its name, the default one without; opened at the first call. Throws `CONFIG_INVALID` and what `openVault` throws. */
  vault(name: string | undefined = this.#loaded.config.default.vault): Promise<Vault> {
    if (name === undefined) {
      throw new CairnArgumentError('the configuration has no default vault', {
        hint: 'Name one, or set default.vault.',
      });
    }
    const known = this.#vaults.get(name);
    if (known !== undefined) return known;
    const opening = this.#open(name);
    this.#vaults.set(name, opening);
    // One that could not be opened may be at the next call.
    opening.catch(() => this.#vaults.delete(name));
    return opening;
  }

  /** A source by its name, for `vault.backup(source, options)`. Throws `CONFIG_INVALID`. */
  source(name: string): ConfiguredSource {
    return configuredSource(name, this.#loaded.source(name), this.#context);
  }

  /** A plan by its name. Throws `CONFIG_INVALID`. */
  plan(name: string): Plan {
    const config = this.#loaded.plan(name);
    const { env, logger, onNotice } = this.#context;
    const sources = config.sources.map((source) => this.source(source));
    return {
      name,
      config,
      run: (options = {}) =>
        this.#runPlan(name, sources, {
          ...options,
          backup: { ...options.backup, tags: [...config.tags, ...(options.backup?.tags ?? [])] },
          keep: config.keep,
          hooks: planHooks(config, this.#loaded, { env, logger: logger ?? noticeLogger(onNotice) }),
        }),
    };
  }

  #runPlan(plan: string, sources: readonly ConfiguredSource[], options: RunSourcesOptions): Job<RunSourcesResult> {
    const openVault = (): Promise<Vault> => this.vault(this.#loaded.plan(plan).vault);
    if (Object.keys(this.#loaded.config.notifications).length === 0) return runSources(openVault, sources, options);
    const { env, onNotice, extensions } = this.#context;
    const onWarning = (message: string): void => onNotice?.({ level: 'warning', message });
    const notified = {
      loaded: this.#loaded,
      plan,
      sources,
      openVault,
      secrets: this.#passwords,
      env,
      onWarning,
      notifiers: extensions?.notifiers,
    };
    return runNotified(notified, options);
  }

  /** Closes the vaults, then deactivates the plugins. */
  async [Symbol.asyncDispose](): Promise<void> {
    await using stack = new AsyncDisposableStack();
    stack.use(this.#context.extensions);
    for (const opening of this.#vaults.values()) {
      const vault = await opening.catch(() => undefined);
      if (vault !== undefined) stack.use(vault);
    }
    this.#vaults.clear();
  }

  async #open(name: string): Promise<Vault> {
    const vault = this.#loaded.vault(name);
    const options = await configuredVaultOptions(this.#loaded, name, this.#context, this.#passwords);
    const extensions = { ...this.#context.extensions?.forVaults, listeners: this.#listeners };
    return openVault(joinUrls(vault.urls), { ...options, extensions });
  }
}

/** How the configuration says that a vault is opened. */
async function configuredVaultOptions(
  loaded: LoadedConfig,
  name: string,
  { env, onNotice, logger }: CairnContext,
  passwords: Set<Secret>,
): Promise<OpenVaultOptions> {
  const vault = loaded.vault(name);
  const { password } = vault;
  return {
    password: async () => {
      if (password !== undefined) {
        const secret = await loaded.secret(password, ['vaults', name, 'password']);
        passwords.add(secret);
        return secret;
      }
      throw new CairnArgumentError(`the vault ${name} has no password in the configuration`, {
        hint: `Give vaults.${name}.password.`,
      });
    },
    env,
    retryLockMs: vault.retryLockMs,
    coldClass: vault.coldClass,
    storage: {
      env: await vaultVariables({ name, vault, loaded }),
      readOnly: vault.readOnly,
      appendOnly: vault.appendOnly,
      connections: vault.connections,
      mirrorCopies: vault.mirrorCopies,
      uploadBytesPerSecond: vault.uploadBytesPerSecond,
      downloadBytesPerSecond: vault.downloadBytesPerSecond,
    },
    onNotice,
    logger,
  };
}
