import type { Clock } from '../../base/clock.ts';
import { CairnArgumentError, type CairnError } from '../../base/errors.ts';
import type { ChannelTools } from './channels/channel-tools.ts';
import { asFailure, DeliveryQueue } from './delivery-queue.ts';
import type { DigestSpool } from './digest-spool.ts';
import { type MessageFilter, messageFilter } from './message-filter.ts';
import type { DeliveryContext, NotificationMessage, Notifier } from './notifier.ts';
import type { NotifierSettings } from './notifier-settings.ts';
import { openNotifier } from './open-notifier.ts';
import type { Outcome, OutcomeSubject } from './outcome.ts';

const DEFAULT_LIMIT_MS = 20_000;
/** What the digest of one run holds at most; the rest is counted. */
const MOST_IN_RUN = 500;

export interface LineOptions {
  readonly clock: Clock;
  readonly stateFolder: string | undefined;
  /** Takes out the secrets that are known by now. */
  readonly clean: (message: NotificationMessage) => NotificationMessage;
  readonly onDelivered: () => void;
  readonly onFailed: (error: CairnError) => void;
}

type Collecting =
  | { readonly kind: 'none' }
  | { readonly kind: 'run' }
  | { readonly kind: 'spool'; readonly everyMs: number; readonly folder: string };

/** One notifier: what it wants to hear, what it collects, what waits for it. */
export class NotifierLine {
  readonly name: string;
  readonly #settings: NotifierSettings;
  readonly #tools: ChannelTools;
  readonly #options: LineOptions;
  readonly #filter: MessageFilter;
  readonly #collecting: Collecting;
  readonly #queue: DeliveryQueue;
  #notifier: Promise<Notifier> | undefined;
  #collected: Outcome[] = [];
  #omitted = 0;
  #hasBegun = false;
  #spool: Promise<DigestSpool> | undefined;
  /** What is being written to the spool. */
  #spooling: Promise<void> = Promise.resolve();

  constructor(settings: NotifierSettings, tools: ChannelTools, options: LineOptions) {
    this.name = settings.name;
    this.#settings = settings;
    this.#tools = tools;
    this.#options = options;
    this.#filter = messageFilter(settings);
    this.#collecting = collectingOf(settings, options.stateFolder);
    this.#queue = new DeliveryQueue({
      notifier: settings.name,
      limitMs: settings.timeoutMs ?? DEFAULT_LIMIT_MS,
      deliver: (message, context) => this.#deliver(message, context),
    });
  }

  tellStart(subject: OutcomeSubject): void {
    if (!this.#filter.wantsStart(subject)) return;
    // A run begins once.
    if (this.#collecting.kind === 'run' && this.#hasBegun) return;
    this.#hasBegun = true;
    void this.#send({ kind: 'started', subject });
  }

  tellOutcome(outcome: Outcome): void {
    if (!this.#filter.wantsOutcome(outcome)) return;
    const collecting = this.#collecting;
    switch (collecting.kind) {
      case 'none':
        void this.#send({ kind: 'ended', outcome });
        return;
      case 'run':
        if (this.#collected.length < MOST_IN_RUN) this.#collected.push(outcome);
        else this.#omitted++;
        return;
      case 'spool':
        this.#spooling = this.#spooling.then(() => this.#keep(outcome, collecting.folder));
        return;
      default:
        collecting satisfies never;
    }
  }

  tellTest(host: string, time: Date): void {
    void this.#send({ kind: 'test', notifier: this.name, host, time });
  }

  /** Sends the digests that are due, and waits until nothing is under way. Never rejects. */
  flush(): Promise<void> {
    return this.#queue.drain(async () => {
      await this.#spooling;
      if (this.#collecting.kind === 'run') await this.#sendCollected();
      if (this.#collecting.kind === 'spool') await this.#sendSpooled(this.#collecting.everyMs, this.#collecting.folder);
    });
  }

  /** Resolves, and never rejects, once it is known what became of the message. */
  async #send(message: NotificationMessage): Promise<CairnError | undefined> {
    const error = await this.#queue.add(message);
    if (error === undefined) this.#options.onDelivered();
    else this.#options.onFailed(error);
    return error;
  }

  async #deliver(message: NotificationMessage, context: DeliveryContext): Promise<void> {
    const notifier = await (this.#notifier ??= openNotifier(this.#settings, this.#tools));
    await notifier.deliver(this.#options.clean(message), context);
  }

  async #sendCollected(): Promise<void> {
    const outcomes = this.#collected;
    const omitted = this.#omitted;
    this.#collected = [];
    this.#omitted = 0;
    this.#hasBegun = false;
    const [first] = outcomes;
    if (first === undefined) return;
    if (outcomes.length === 1) {
      await this.#send({ kind: 'ended', outcome: first });
      return;
    }
    const until = outcomes.at(-1)?.ended ?? first.ended;
    await this.#send({ kind: 'digest', outcomes, omitted, since: first.started, until });
  }

  async #keep(outcome: Outcome, folder: string): Promise<void> {
    try {
      await (await this.#openSpool(folder)).add(outcome);
    } catch (error) {
      this.#options.onFailed(asFailure(this.name, error));
    }
  }

  async #sendSpooled(everyMs: number, folder: string): Promise<void> {
    const now = new Date(Number(this.#options.clock.nowNs() / 1_000_000n));
    let told: CairnError | undefined;
    try {
      await (
        await this.#openSpool(folder)
      ).sendIfDue(everyMs, now, async (digest) => {
        told = await this.#send(digest);
        if (told !== undefined) throw told;
      });
    } catch (error) {
      if (error !== told) this.#options.onFailed(asFailure(this.name, error));
    }
  }

  #openSpool(folder: string): Promise<DigestSpool> {
    // Loaded where it is used: it brings what parses the files.
    return (this.#spool ??= import('./digest-spool.ts').then(({ DigestSpool }) => new DigestSpool(folder, this.name)));
  }
}

function collectingOf(settings: NotifierSettings, stateFolder: string | undefined): Collecting {
  const digest = 'digest' in settings ? settings.digest : undefined;
  if (digest === undefined) return { kind: 'none' };
  if (digest === 'run') return { kind: 'run' };
  if (stateFolder === undefined) {
    throw new CairnArgumentError(`the notifier ${settings.name} has a digest of several runs, and no \`stateFolder\``);
  }
  return { kind: 'spool', everyMs: digest.everyMs, folder: stateFolder };
}
