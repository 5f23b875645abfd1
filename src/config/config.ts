import type { HooksConfig } from './hook-config.ts';
import type { NotifierConfig } from './notifier-config.ts';
import type { PlanConfig } from './plan-config.ts';
import type { PluginConfig } from './plugin-config.ts';
import type { SourceConfig } from './source-config.ts';
import type { VaultConfig } from './vault-config.ts';

/** A configuration that was checked, with one profile applied. */
export interface Config {
  readonly default: {
    /** The vault of a command that names none. */
    readonly vault?: string;
  };
  readonly vaults: Readonly<Record<string, VaultConfig>>;
  readonly sources: Readonly<Record<string, SourceConfig>>;
  readonly plans: Readonly<Record<string, PlanConfig>>;
  readonly notifications: Readonly<Record<string, NotifierConfig>>;
  readonly hooks: HooksConfig;
  readonly plugins: readonly PluginConfig[];
  /** Where plugins are found by the name of their file. */
  readonly pluginsDir?: string;
}
