import { CairnArgumentError } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
import type { OpenScheme } from '../storage/open-storage.ts';
import type { SourceFactory } from '../vault/actions/registered-source.ts';
import type { VaultEventName, VaultListener } from '../vault/vault-events.ts';
import type { PluginCommand } from './plugin-command.ts';
import type { NotifierFactory } from './plugin-notifier.ts';

/** Something that extends Cairn. It is activated once, before anything is done, and deactivated once, at the end. */
export interface Plugin {
  /** For messages, and unique among the plugins that are loaded. */
  readonly name: string;
  /** What it returns is awaited and not looked at. */
  activate(context: PluginContext): unknown;
  deactivate?(context: PluginContext): unknown;
}

/** What the configuration says to a plugin. */
export interface PluginSettings {
  /** Its own `options`. */
  readonly options: Readonly<Record<string, unknown>>;
  /** The configuration of the whole program as it was given, also what only a plugin understands. It may hold secrets. */
  readonly profile: unknown;
}

/** What a plugin gets. What it registers ends with it. */
export interface PluginContext {
  readonly config: PluginSettings;
  readonly logger: Logger;
  /** Aborts when the plugin is deactivated, and when it is given up. */
  readonly signal: AbortSignal;
  /**
   * Listens to an event of all vaults. What the listener throws is a warning, and stops the action only where the plugin
   * is `required`; `event.veto(reason)` stops it in any case.
   */
  readonly on: <N extends VaultEventName>(event: N, listener: VaultListener<N>) => Disposable;
  readonly once: <N extends VaultEventName>(event: N, listener: VaultListener<N>) => Disposable;
  /** Opens vaults at `scheme:…`. None of Cairn's own schemes can be replaced. */
  readonly registerStorage: (scheme: string, open: OpenScheme) => void;
  /** Lets backups be made of `{ type: 'registered', of: type, options }`, and of `type:…` on the command line. */
  readonly registerSource: (type: string, factory: SourceFactory) => void;
  readonly registerNotifier: (type: string, factory: NotifierFactory) => void;
  /** Adds `cairn NAME`. None of Cairn's own commands can be replaced. */
  readonly registerCommand: (command: PluginCommand) => void;
}

/**
 * Checks a plugin and gives it back: the type of `activate`'s argument comes with it.
 *
 * ```ts
 * export const plugin = definePlugin({
 *   name: 'greeter',
 *   activate({ on, logger }) {
 *     on('backup.done', ({ result }) => logger.info(`saved ${result.name}`));
 *   },
 * });
 * ```
 */
export function definePlugin(plugin: Plugin): Plugin {
  return parsePlugin(plugin);
}

/** Throws `ARGUMENT_INVALID` unless `value` is a plugin. */
export function parsePlugin(value: unknown): Plugin {
  if (typeof value !== 'object' || value === null) throw notAPlugin('it is no object');
  const { name, activate, deactivate } = value as Partial<Record<keyof Plugin, unknown>>;
  if (typeof name !== 'string' || !/^[\w@./-]{1,100}$/.test(name)) {
    throw notAPlugin('its `name` has to be a short text of letters, digits and -_./@');
  }
  if (typeof activate !== 'function') throw notAPlugin(`${name} has no function \`activate\``);
  if (deactivate !== undefined && typeof deactivate !== 'function') {
    throw notAPlugin(`\`deactivate\` of ${name} is no function`);
  }
  return value as Plugin;
}

function notAPlugin(reason: string): CairnArgumentError {
  return new CairnArgumentError(`not a plugin: ${reason}`, {
    hint: 'A plugin is an object { name, activate(context), deactivate?() }; see docs/guides/plugins.md.',
  });
}
