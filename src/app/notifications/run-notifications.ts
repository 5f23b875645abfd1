import { randomUUID } from 'node:crypto';
import { messageOf } from '../../base/errors.ts';
import type { Secret } from '../../base/secret.ts';
import type { LoadedConfig } from '../../config/loaded-config.ts';
import type { Vault } from '../../vault/vault.ts';
import { configuredNotifiers, defaultStateFolder } from './configured-notifiers.ts';
import { type Notifications, openNotifications } from './notifications.ts';
import { failedOutcome, subjectOf } from './outcome-of-event.ts';
import type { PluginNotifiers } from './plugin-channel.ts';
import { watchVault } from './watch-vault.ts';

/** Sources that are backed up together. */
export interface NotifiedRun {
  readonly plan?: string | undefined;
  /** The names under which they are backed up. */
  readonly sources: readonly string[];
  /** What to call the vault where it cannot even be opened. */
  readonly vault: string;
}

export interface RunNotificationsOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly onWarning?: ((message: string) => void) | undefined;
  /** Kinds of notifiers that plugins added. */
  readonly notifiers?: PluginNotifiers | undefined;
}

/**
 * The notifications of a run: those that its plan names, or all that are configured. One that cannot work is a warning.
 */
export function openRunNotifications(
  loaded: LoadedConfig | undefined,
  run: NotifiedRun,
  { env, onWarning, notifiers }: RunNotificationsOptions,
): RunNotifications {
  if (loaded === undefined) return new RunNotifications(run, undefined);
  const planned = run.plan === undefined ? undefined : loaded.plan(run.plan).notifications;
  const settings = (planned ?? Object.keys(loaded.config.notifications)).flatMap((name) => {
    try {
      return configuredNotifiers(loaded, [name], notifiers);
    } catch (error) {
      // A variable that is missing for a message is no reason to make no backup.
      onWarning?.(`the notification ${name} cannot be used: ${messageOf(error)}`);
      return [];
    }
  });
  if (settings.length === 0) return new RunNotifications(run, undefined);
  const options = { env, stateFolder: defaultStateFolder(env), onWarning };
  return new RunNotifications(run, openNotifications(settings, options));
}

/** Dispose it last: it waits, within its limits, until what happened is told. */
export class RunNotifications implements AsyncDisposable {
  readonly #run: NotifiedRun;
  readonly #notifications: Notifications | undefined;
  readonly #watching = new DisposableStack();

  /** Opened with `openRunNotifications`. */
  constructor(run: NotifiedRun, notifications: Notifications | undefined) {
    this.#run = run;
    this.#notifications = notifications;
  }

  /** Keeps a secret of the run out of all messages. */
  addSecret(secret: Secret): void {
    this.#notifications?.addSecret(secret);
  }

  /** Opens the vault and watches it. That it cannot be opened is told too: no backup was made then. */
  async open(openVault: () => Promise<Vault>): Promise<Vault> {
    const notifications = this.#notifications;
    if (notifications === undefined) return openVault();
    const { plan, sources, vault: place } = this.#run;
    const started = new Date();
    try {
      const vault = await openVault();
      this.#watching.use(watchVault(notifications, vault, { plan, names: sources }));
      return vault;
    } catch (error) {
      for (const source of sources) {
        const subject = subjectOf('backup', randomUUID(), { plan, source, vault: place }, started);
        notifications.tellOutcome(failedOutcome(subject, error, new Date()));
      }
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#watching.dispose();
    await this.#notifications?.[Symbol.asyncDispose]();
  }
}
