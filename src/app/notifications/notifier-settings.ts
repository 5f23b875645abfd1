import type { DeliveryContext, NotificationMessage } from './notifier.ts';
import type { Severity } from './outcome.ts';
import type { SecretSource } from './secret-source.ts';

/** What every notifier has, whatever its channel. */
export interface NotifierRules {
  /** As messages and warnings call it. */
  readonly name: string;
  /**
   * What it is told of: `backup.*`, `restore.failed`, `prune.done`, `*`, `*.failed`. By default how every action ends.
   * That an action begins is told only where `<action>.before` is named, and to pings.
   */
  readonly on?: readonly string[] | undefined;
  /** Milliseconds that one delivery may take, retries included; 20,000 by default. */
  readonly timeoutMs?: number | undefined;
}

export interface MessageRules extends NotifierRules {
  /** Leaves out what matters less; `info` by default, which is everything. */
  readonly severity?: Severity | undefined;
  /**
   * Collects outcomes: `run` gives one message at the end of what this process does; `everyMs` one per interval, also
   * of many processes, which keep what waits in a file.
   */
  readonly digest?: 'run' | { readonly everyMs: number } | undefined;
}

export interface EmailSettings extends MessageRules {
  readonly type: 'email';
  readonly host: string;
  /** 465 for `tls`, 587 for `starttls`, 25 for `none` by default. */
  readonly port?: number | undefined;
  /** `starttls` by default, and nothing is sent where the server does not offer it. `none` cannot be used with a password, except on this machine. */
  readonly security?: 'tls' | 'starttls' | 'none' | undefined;
  readonly user?: string | undefined;
  readonly password?: SecretSource | undefined;
  readonly from: string;
  readonly to: readonly string[];
  /** PEM text of an authority to trust besides the usual ones. */
  readonly ca?: string | undefined;
}

export interface SlackSettings extends MessageRules {
  readonly type: 'slack';
  /** The address of an incoming webhook; it is a secret. */
  readonly webhook: SecretSource;
}

export interface DiscordSettings extends MessageRules {
  readonly type: 'discord';
  /** The address of a channel's webhook; it is a secret. */
  readonly webhook: SecretSource;
}

export interface TelegramSettings extends MessageRules {
  readonly type: 'telegram';
  readonly token: SecretSource;
  /** Number of the chat, or `@name` of a channel. */
  readonly chat: string;
  /** Topic in a group that has them. */
  readonly thread?: number | undefined;
  /** `https://api.telegram.org` by default; another one for a server of one's own. */
  readonly server?: string | undefined;
}

export interface NtfySettings extends MessageRules {
  readonly type: 'ntfy';
  readonly topic: string;
  /** `https://ntfy.sh` by default. */
  readonly server?: string | undefined;
  readonly token?: SecretSource | undefined;
}

export interface WebhookSettings extends MessageRules {
  readonly type: 'webhook';
  readonly url: SecretSource;
  /** Signs each message, as docs/guides/notifications.md says. */
  readonly secret?: SecretSource | undefined;
  readonly headers?: Readonly<Record<string, SecretSource>> | undefined;
}

/**
 * A monitor that expects a request for each start and end, such as Healthchecks: it is what notices that no backup ran. It is told
 * of backups only unless `on` says otherwise: a prune that went well must not make it forget a backup that failed.
 */
export interface PingSettings extends NotifierRules {
  readonly type: 'ping';
  /** `/start` and `/fail` are added to it. It is a secret. */
  readonly url: SecretSource;
  /** What a partial result is told as; `fail` by default. */
  readonly partial?: 'fail' | 'ok' | undefined;
  /** `run`: one start, and one end that is as good as the worst outcome of what this process does. */
  readonly digest?: 'run' | undefined;
}

export interface CommandNotifierSettings extends MessageRules {
  readonly type: 'command';
  /** Run without a shell; the message comes as JSON on standard input. */
  readonly command: string;
  readonly args?: readonly string[] | undefined;
  readonly cwd?: string | undefined;
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
}

/** A notifier that a program or a plugin brings. */
export interface CustomNotifierSettings extends MessageRules {
  readonly type: 'custom';
  readonly deliver: (message: NotificationMessage, context: DeliveryContext) => Promise<void>;
}

export type NotifierSettings =
  | EmailSettings
  | SlackSettings
  | DiscordSettings
  | TelegramSettings
  | NtfySettings
  | WebhookSettings
  | PingSettings
  | CommandNotifierSettings
  | CustomNotifierSettings;

/** The secrets that settings hold; what is behind a function is known only once it is read. */
export function secretsOf(settings: NotifierSettings): readonly SecretSource[] {
  const all = secretSources(settings);
  return all.filter((source): source is SecretSource => source !== undefined);
}

function secretSources(settings: NotifierSettings): readonly (SecretSource | undefined)[] {
  switch (settings.type) {
    case 'email':
      return [settings.password];
    case 'slack':
    case 'discord':
      return [settings.webhook];
    case 'telegram':
    case 'ntfy':
      return [settings.token];
    case 'webhook':
      return [settings.url, settings.secret, ...Object.values(settings.headers ?? {})];
    case 'ping':
      return [settings.url];
    case 'command':
    case 'custom':
      return [];
    default:
      return settings satisfies never;
  }
}
