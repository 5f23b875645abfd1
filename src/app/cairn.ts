// Vaults, sources and plans by the names that a configuration gives them.
import { CairnArgumentError } from '../base/errors.ts';
import type { Job } from '../base/job.ts';
import { joinUrls } from '../storage/mirror/mirror-url.ts';
import type { ConfigInput } from '../config/config-input.ts';
import { loadConfig } from '../config/load-config.ts';
import type { LoadedConfig } from '../config/loaded-config.ts';
import type { PlanConfig } from '../config/plan-config.ts';
import { vaultVariables } from '../config/vault-variables.ts';
import { openVault } from '../vault/open-vault.ts';
import type { OpenVaultOptions, VaultNotice } from '../vault/vault-options.ts';
import type { Vault } from '../vault/vault.ts';
import { type ConfiguredSource, configuredSource } from './configured-source.ts';
import { runSources, type RunSourcesOptions, type RunSourcesResult } from './run-sources.ts';

export interface CairnOptions {
  /** A configuration in code, with the keys of `cairn.yaml`. */
  readonly config?: ConfigInput | undefined;
  /** A file; by default `cairn.yaml` in the folder or above, or the user's own. */
  readonly configFile?: string | undefined;
  readonly profile?: string | undefined;
  /** By default the variables of this process. */
  readonly env?: NodeJS.ProcessEnv | undefined;
  /** Where relative paths start and the search for the file begins; the working directory by default. */
  readonly cwd?: string | undefined;
  readonly onNotice?: ((notice: VaultNotice) => void) | undefined;
}

const KNOWN: ReadonlySet<string> = new Set<keyof CairnOptions>([
  'config',
  'configFile',
  'profile',
  'env',
  'cwd',
  'onNotice',
]);

/**
 * Cairn with a configuration: one that code gives, a file that is named, or the one that is found. Throws
 * `CONFIG_INVALID` with all that is wrong in a file, `ARGUMENT_INVALID` for options and a configuration in code.
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
  const { config, configFile, profile, env = process.env, cwd = process.cwd(), onNotice } = options;
  if (config !== undefined && configFile !== undefined) {
    throw new CairnArgumentError('config and configFile exclude each other');
  }
  const loaded = config === undefined ? await loadConfig({ file: configFile, profile, env, cwd }) : undefined;
  const found = loaded ?? (await configInCode(config ?? {}, { profile, env, cwd }));
  found.warnings.forEach((message) => onNotice?.({ level: 'warning', message }));
  return new Cairn(found, { env, onNotice });
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
  readonly run: (options?: Omit<RunSourcesOptions, 'keep'>) => Job<RunSourcesResult>;
}

interface CairnContext {
  readonly env: NodeJS.ProcessEnv;
  readonly onNotice: ((notice: VaultNotice) => void) | undefined;
}

/** Made by `createCairn`. Opens each vault once, and closes them all. */
export class Cairn implements AsyncDisposable {
  readonly #loaded: LoadedConfig;
  readonly #context: CairnContext;
  readonly #vaults = new Map<string, Promise<Vault>>();

  constructor(loaded: LoadedConfig, context: CairnContext) {
    this.#loaded = loaded;
    this.#context = context;
  }

  /** The configuration, checked; without the values of secrets. */
  get config(): LoadedConfig {
    return this.#loaded;
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
    const sources = config.sources.map((source) => this.source(source));
    return {
      name,
      config,
      run: (options = {}) =>
        runSources(() => this.vault(config.vault), sources, {
          ...options,
          backup: { ...options.backup, tags: [...config.tags, ...(options.backup?.tags ?? [])] },
          keep: config.keep,
        }),
    };
  }

  /** Closes the vaults. */
  async [Symbol.asyncDispose](): Promise<void> {
    await using stack = new AsyncDisposableStack();
    for (const opening of this.#vaults.values()) {
      const vault = await opening.catch(() => undefined);
      if (vault !== undefined) stack.use(vault);
    }
    this.#vaults.clear();
  }

  async #open(name: string): Promise<Vault> {
    const vault = this.#loaded.vault(name);
    return openVault(joinUrls(vault.urls), await configuredVaultOptions(this.#loaded, name, this.#context));
  }
}

/** How the configuration says that a vault is opened. */
async function configuredVaultOptions(
  loaded: LoadedConfig,
  name: string,
  { onNotice }: CairnContext,
): Promise<OpenVaultOptions> {
  const vault = loaded.vault(name);
  const { password } = vault;
  return {
    password: async () => {
      if (password !== undefined) return loaded.secret(password, ['vaults', name, 'password']);
      throw new CairnArgumentError(`the vault ${name} has no password in the configuration`, {
        hint: `Give vaults.${name}.password.`,
      });
    },
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
  };
}
