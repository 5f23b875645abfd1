import { hostname } from 'node:os';
import { type Clock, systemClock } from '../../base/clock.ts';
import type { ErrorCode } from '../../base/error-codes.ts';
import type { CairnError } from '../../base/errors.ts';
import type { Secret } from '../../base/secret.ts';
import type { HttpClient } from '../../storage/drivers/http/http-client.ts';
import type { ChannelTools } from './channels/channel-tools.ts';
import { type LineOptions, NotifierLine } from './notifier-line.ts';
import { type NotifierSettings, secretsOf } from './notifier-settings.ts';
import type { Outcome, OutcomeSubject } from './outcome.ts';
import { Redactor } from './redactor.ts';
import { readSecretText, type SecretSource } from './secret-source.ts';

export interface NotificationOptions {
  /** Taken out of every message, besides what looks like a secret and the notifiers' own. */
  readonly secrets?: Iterable<Secret | string> | undefined;
  /** For programs and proxies; the variables of this process by default. */
  readonly env?: NodeJS.ProcessEnv | undefined;
  /** Where outcomes wait for digests of several runs. */
  readonly stateFolder?: string | undefined;
  /** Told of each message that did not arrive. Nothing else happens then: no notifier makes a job fail. */
  readonly onWarning?: ((message: string) => void) | undefined;
  readonly clock?: Clock | undefined;
}

export interface FailedDelivery {
  readonly notifier: string;
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint?: string | undefined;
}

export interface DeliveryReport {
  /** Names of notifiers, one for each message that arrived. */
  readonly delivered: readonly string[];
  readonly failed: readonly FailedDelivery[];
}

/** The notifiers of a run: what is told to them is delivered beside the work, and waited for when this is closed. */
export class Notifications implements AsyncDisposable {
  readonly #lines: readonly NotifierLine[];
  readonly #redactor: Redactor;
  readonly #options: NotificationOptions;
  readonly #clock: Clock;
  #http: Promise<HttpClient> | undefined;
  readonly #warned = new Set<string>();
  #delivered: string[] = [];
  #failed: FailedDelivery[] = [];

  /** Opened with `openNotifications`. */
  constructor(settings: readonly NotifierSettings[], options: NotificationOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#redactor = new Redactor(options.secrets);
    for (const secret of settings.flatMap(secretsOf)) {
      if (typeof secret !== 'function') this.#redactor.add(secret);
    }
    const tools: ChannelTools = {
      clock: this.#clock,
      env: options.env ?? process.env,
      readSecret: (source) => this.#readSecret(source),
      http: () => (this.#http ??= this.#openHttp()),
      warnOnce: (text) => this.#warnOnce(text),
    };
    this.#lines = settings.map((each) => new NotifierLine(each, tools, this.#lineOptions(each)));
  }

  /** Keeps a secret that came to be known out of all messages. */
  addSecret(secret: Secret | string): void {
    this.#redactor.add(secret);
  }

  /** That an action begins. Returns at once; so do the next two. */
  tellStart(subject: OutcomeSubject): void {
    const clean = this.#redactor.data(subject);
    for (const line of this.#lines) line.tellStart(clean);
  }

  /** How an action ended. */
  tellOutcome(outcome: Outcome): void {
    // Here already, so that no secret is kept where outcomes wait.
    const clean = this.#redactor.data(outcome);
    for (const line of this.#lines) line.tellOutcome(clean);
  }

  /** A message of no consequence to each of `names`, or to all. */
  tellTest(names?: readonly string[]): void {
    const time = new Date(Number(this.#clock.nowNs() / 1_000_000n));
    for (const line of this.#lines) {
      if (names !== undefined && !names.includes(line.name)) continue;
      line.tellTest(hostname(), time);
    }
  }

  /**
   * Waits until everything told so far has arrived or failed, digests that are due included, for the time of one delivery at
   * most (20 seconds unless a notifier has its own). Never throws.
   */
  async flush(): Promise<DeliveryReport> {
    // Each has its own queue and its own limit, so this takes as long as the slowest.
    await Promise.all(this.#lines.map((line) => line.flush()));
    const report = { delivered: this.#delivered, failed: this.#failed };
    this.#delivered = [];
    this.#failed = [];
    return report;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.flush();
    const http = await this.#http?.catch(() => undefined);
    await http?.[Symbol.asyncDispose]();
    this.#http = undefined;
  }

  #lineOptions({ name }: NotifierSettings): LineOptions {
    return {
      clock: this.#clock,
      stateFolder: this.#options.stateFolder,
      // Again, with the secrets that came to be known since: the notifier's own.
      clean: (message) => this.#redactor.data(message),
      onDelivered: () => void this.#delivered.push(name),
      onFailed: (error) => this.#noteFailure(name, error),
    };
  }

  #noteFailure(notifier: string, error: CairnError): void {
    const message = this.#redactor.text(error.message);
    const { code, hint } = error;
    this.#failed.push({ notifier, code, message, ...(hint === undefined ? {} : { hint }) });
    this.#warn(`a notification did not arrive (${notifier}): ${message}`);
  }

  #warnOnce(text: string): void {
    if (this.#warned.has(text)) return;
    this.#warned.add(text);
    this.#warn(text);
  }

  #warn(text: string): void {
    try {
      this.#options.onWarning?.(text);
    } catch {
      // Whoever listens to warnings must not break what they warn of.
    }
  }

  async #readSecret(source: SecretSource): Promise<string> {
    const text = await readSecretText(source);
    this.#redactor.add(text);
    return text;
  }

  async #openHttp(): Promise<HttpClient> {
    return (await import('../../storage/drivers/http/http-client.ts')).openHttpClient({ env: this.#options.env });
  }
}

/**
 * Opens notifiers; none is connected to yet, and no secret read. Throws `CONFIG_INVALID` for settings that cannot work.
 *
 * ```ts
 * await using notifications = openNotifications([{ type: 'ntfy', name: 'phone', topic: 'my-backups' }]);
 * using watching = watchVault(notifications, vault, { plan: 'nightly' });
 * ```
 */
export function openNotifications(
  settings: readonly NotifierSettings[],
  options: NotificationOptions = {},
): Notifications {
  return new Notifications(settings, options);
}
