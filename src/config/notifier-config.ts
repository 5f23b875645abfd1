import type { SecretReference } from './secret-reference.ts';

export type NotificationSeverity = 'info' | 'warning' | 'error';

/** What every notification has. */
interface NotifierFilter {
  /** Events such as `backup.failed` or `backup.*`; all where it is absent. */
  readonly on?: readonly string[];
  /** Nothing below it is told. */
  readonly severity: NotificationSeverity;
  /** Gather what happens in so many milliseconds into one message. */
  readonly digestMs?: number;
}

export interface SmtpConfig {
  readonly host: string;
  readonly port?: number;
  /** `tls`: from the first byte; `starttls`: required; `none`: never. */
  readonly tls: 'tls' | 'starttls' | 'none';
  readonly user?: string;
  readonly password?: SecretReference;
}

/** Where the outcomes of work are told. An address that lets its holder send is a secret. */
export type NotifierConfig = NotifierFilter &
  (
    | { readonly type: 'email'; readonly smtp: SmtpConfig; readonly from: string; readonly to: readonly string[] }
    | { readonly type: 'slack'; readonly url: SecretReference }
    | { readonly type: 'discord'; readonly url: SecretReference }
    | { readonly type: 'telegram'; readonly token: SecretReference; readonly chat: string }
    | { readonly type: 'ntfy'; readonly url: string; readonly topic: string; readonly token?: SecretReference }
    | {
        readonly type: 'webhook';
        readonly url: SecretReference;
        /** Signs each message. */
        readonly secret?: SecretReference;
        readonly headers: Readonly<Record<string, SecretReference>>;
      }
    | { readonly type: 'ping'; readonly url: SecretReference }
    | { readonly type: 'command'; readonly command: string }
    /** What a plugin registered under the name `of`. */
    | { readonly type: 'plugin'; readonly of: string; readonly options: Readonly<Record<string, unknown>> }
  );

export const notifierTypes: readonly NotifierConfig['type'][] = [
  'email',
  'slack',
  'discord',
  'telegram',
  'ntfy',
  'webhook',
  'ping',
  'command',
  'plugin',
];
