// A configuration as code gives it: the keys of the file. What the types cannot say is checked when it is used.
import type { Secret } from '../base/secret.ts';
import type { NotificationSeverity, SmtpConfig } from './notifier-config.ts';
import type { HookEvent } from './hook-config.ts';
import type { Weekday } from '../retention/weekday.ts';
import type { RotationConfig } from './rotation-config.ts';

type OneOrMore<T> = T | readonly T[];

/** Text (`'${NAME}'` stands for a variable), a `Secret`, or where it is to be found. */
export type SecretInput =
  | string
  | Secret
  | { readonly env: string }
  | { readonly file: string }
  | { readonly command: string };

export interface VaultInput {
  readonly url: OneOrMore<string>;
  readonly password?: SecretInput | undefined;
  readonly env?: Readonly<Record<string, SecretInput>> | undefined;
  readonly readOnly?: boolean | undefined;
  readonly appendOnly?: boolean | undefined;
  readonly connections?: number | undefined;
  readonly mirrorCopies?: number | undefined;
  /** Per second, such as `1M`. */
  readonly limitUpload?: string | number | undefined;
  readonly limitDownload?: string | number | undefined;
  readonly retryLock?: string | undefined;
  readonly coldClass?: string | undefined;
  readonly archives?:
    | {
        readonly compression?: 'zstd' | 'gzip' | 'none' | undefined;
        readonly recipients?: OneOrMore<string> | undefined;
        readonly password?: SecretInput | undefined;
      }
    | undefined;
  readonly keep?: RotationInput | undefined;
}

interface NamingInput {
  readonly name?: string | undefined;
  readonly tags?: OneOrMore<string> | undefined;
}

export type SourceInput = NamingInput &
  (
    | {
        readonly type: 'files';
        readonly paths: OneOrMore<string>;
        readonly exclude?: OneOrMore<string> | undefined;
        readonly iexclude?: OneOrMore<string> | undefined;
        readonly excludeFiles?: OneOrMore<string> | undefined;
        readonly iexcludeFiles?: OneOrMore<string> | undefined;
        readonly excludeIfPresent?: OneOrMore<string> | undefined;
        readonly excludeCaches?: boolean | undefined;
        readonly excludeLargerThan?: string | undefined;
        readonly ignoreFiles?: OneOrMore<string> | undefined;
        readonly gitignore?: boolean | undefined;
        readonly oneFileSystem?: boolean | undefined;
      }
    | {
        readonly type: 'command';
        readonly command: OneOrMore<string>;
        readonly filename: string;
        readonly cwd?: string | undefined;
      }
    | { readonly type: 'stdin'; readonly filename: string }
    | {
        readonly type: 'plugin';
        readonly of: string;
        readonly options?: Readonly<Record<string, unknown>> | undefined;
      }
  );

export interface RotationInput extends Omit<RotationConfig, 'firstWeekday'> {
  /** A name, or a number from 0 (monday) to 6 (sunday). */
  readonly firstWeekday?: Weekday | number | undefined;
}

export type HooksInput = Readonly<
  Partial<
    Record<
      HookEvent,
      readonly (
        | string
        | {
            readonly run: string;
            readonly timeout?: string | undefined;
            readonly onError?: 'fail' | 'warn' | undefined;
          }
      )[]
    >
  >
>;

export interface PlanInput {
  readonly sources: OneOrMore<string>;
  readonly vault?: string | undefined;
  readonly schedule?: string | undefined;
  readonly every?: string | undefined;
  readonly keep?: RotationInput | undefined;
  readonly tags?: OneOrMore<string> | undefined;
  readonly notifications?: OneOrMore<string> | undefined;
  readonly hooks?: HooksInput | undefined;
}

interface NotifierFilterInput {
  readonly on?: OneOrMore<string> | undefined;
  readonly severity?: NotificationSeverity | undefined;
  readonly digest?: string | undefined;
}

export type NotifierInput = NotifierFilterInput &
  (
    | {
        readonly type: 'email';
        readonly smtp: {
          readonly host: string;
          readonly port?: number | undefined;
          readonly tls?: SmtpConfig['tls'] | boolean | undefined;
          readonly user?: string | undefined;
          readonly password?: SecretInput | undefined;
        };
        readonly from: string;
        readonly to: OneOrMore<string>;
      }
    | { readonly type: 'slack' | 'discord' | 'ping'; readonly url: SecretInput }
    | { readonly type: 'telegram'; readonly token: SecretInput; readonly chat: string | number }
    | {
        readonly type: 'ntfy';
        readonly url?: string | undefined;
        readonly topic: string;
        readonly token?: SecretInput | undefined;
      }
    | {
        readonly type: 'webhook';
        readonly url: SecretInput;
        readonly secret?: SecretInput | undefined;
        readonly headers?: Readonly<Record<string, SecretInput>> | undefined;
      }
    | { readonly type: 'command'; readonly command: string }
    | {
        readonly type: 'plugin';
        readonly of: string;
        readonly options?: Readonly<Record<string, unknown>> | undefined;
      }
  );

export type PluginInput =
  | string
  | {
      readonly use: string;
      readonly required?: boolean | undefined;
      readonly timeout?: string | undefined;
      readonly options?: Readonly<Record<string, unknown>> | undefined;
    };

/** What a profile can change. */
export interface ProfileInput {
  readonly default?: { readonly vault?: string | undefined } | undefined;
  readonly vaults?: Readonly<Record<string, VaultInput>> | undefined;
  readonly sources?: Readonly<Record<string, SourceInput>> | undefined;
  readonly plans?: Readonly<Record<string, PlanInput>> | undefined;
  readonly notifications?: Readonly<Record<string, NotifierInput>> | undefined;
  readonly hooks?: HooksInput | undefined;
  readonly plugins?: readonly PluginInput[] | undefined;
  readonly plugins_dir?: string | undefined;
}

/** A whole configuration. Profiles may give parts of entries only, which the types do not check. */
export interface ConfigInput extends ProfileInput {
  readonly profiles?: Readonly<Record<string, object>> | undefined;
}
