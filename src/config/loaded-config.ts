import type { Secret } from '../base/secret.ts';
import { CairnError } from '../base/errors.ts';
import type { Config } from './config.ts';
import { configError, type ConfigPath, type ConfigPosition, dottedKey } from './config-issue.ts';
import { unknownName } from './config-references.ts';
import type { FoundConfig } from './find-config.ts';
import type { NotifierConfig } from './notifier-config.ts';
import type { PlanConfig } from './plan-config.ts';
import { resolveSecret } from './resolve-secret.ts';
import type { FoundIssue } from './schema-issues.ts';
import type { SecretReference } from './secret-reference.ts';
import type { SourceConfig } from './source-config.ts';
import type { VaultConfig } from './vault-config.ts';

export interface LoadedConfigFacts {
  readonly config: Config;
  readonly deferred: readonly FoundIssue[];
  /** For messages. */
  readonly name: string;
  readonly file: string | undefined;
  readonly by: FoundConfig['by'] | 'code';
  readonly profile: string | undefined;
  readonly profiles: readonly string[];
  readonly folder: string;
  readonly env: NodeJS.ProcessEnv;
  readonly warnings: readonly string[];
  readonly exact: (path: ConfigPath) => ConfigPosition | undefined;
  readonly locate: (path: ConfigPath) => ConfigPosition | undefined;
}

/** A configuration that was checked, and where its parts stand. */
export class LoadedConfig {
  readonly #facts: LoadedConfigFacts;

  constructor(facts: LoadedConfigFacts) {
    this.#facts = facts;
  }

  get config(): Config {
    return this.#facts.config;
  }

  /** The file, or `undefined` for one that code gave. */
  get file(): string | undefined {
    return this.#facts.file;
  }

  /** Who said that it is this one. */
  get by(): FoundConfig['by'] | 'code' {
    return this.#facts.by;
  }

  get profile(): string | undefined {
    return this.#facts.profile;
  }

  get profiles(): readonly string[] {
    return this.#facts.profiles;
  }

  /** Where relative paths start, and commands run. */
  get folder(): string {
    return this.#facts.folder;
  }

  get warnings(): readonly string[] {
    return this.#facts.warnings;
  }

  /** Where a key stands in the file, or `undefined` where it does not: it has its default then. */
  positionOf(path: ConfigPath): ConfigPosition | undefined {
    return this.#facts.exact(path);
  }

  /** A vault by its name. Throws `CONFIG_INVALID` where there is none, or a variable of it is missing. */
  vault(name: string): VaultConfig {
    return this.#entry('vaults', 'vault', name, this.config.vaults);
  }

  /** A source by its name. Throws `CONFIG_INVALID`. */
  source(name: string): SourceConfig {
    return this.#entry('sources', 'source', name, this.config.sources);
  }

  /** A plan by its name. Throws `CONFIG_INVALID`. */
  plan(name: string): PlanConfig {
    return this.#entry('plans', 'plan', name, this.config.plans);
  }

  /** A notification by its name. Throws `CONFIG_INVALID`. */
  notifier(name: string): NotifierConfig {
    return this.#entry('notifications', 'notification', name, this.config.notifications);
  }

  /** Throws `CONFIG_INVALID` for the variables that are missing at `path` and below. */
  requireVariables(path: ConfigPath = []): void {
    const { deferred, name, locate } = this.#facts;
    const issues = deferred.filter((issue) => path.every((part, at) => issue.path[at] === part));
    if (issues.length === 0) return;
    throw configError(
      name,
      issues.map((issue) => ({ path: issue.path, message: issue.message, position: locate(issue.path) })),
      'Set the variable, or write ${NAME:-otherwise} for what it is where it is not set.',
    );
  }

  /** Looks a secret up. `path` is that of its key, which errors name. */
  async secret(reference: SecretReference, path: ConfigPath, signal?: AbortSignal): Promise<Secret> {
    const { name, env, folder, locate } = this.#facts;
    const position = locate(path);
    const place = position === undefined ? name : `${name}:${position.line}:${position.column}`;
    return resolveSecret(reference, { key: `${place}: ${dottedKey(path)}`, folder, env, signal });
  }

  #entry<T>(section: string, what: string, name: string, entries: Readonly<Record<string, T>>): T {
    const entry = Object.hasOwn(entries, name) ? entries[name] : undefined;
    if (entry === undefined) {
      const message = `${this.#facts.name}: ${unknownName(name, what, Object.keys(entries))}`;
      throw new CairnError('CONFIG_INVALID', message, { hint: '`cairn config show` prints what there is.' });
    }
    this.requireVariables([section, name]);
    return entry;
  }
}
