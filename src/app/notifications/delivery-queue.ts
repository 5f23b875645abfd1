import { CairnError, messageOf } from '../../base/errors.ts';
import { deliveryFailed } from './delivery-failed.ts';
import type { DeliveryContext, NotificationMessage } from './notifier.ts';

/** Messages that may wait for one notifier; a notifier that hangs must not fill the memory of a server. */
const MOST_WAITING = 100;

export interface DeliveryQueueOptions {
  readonly notifier: string;
  /** Milliseconds that one delivery may take. */
  readonly limitMs: number;
  readonly deliver: (message: NotificationMessage, context: DeliveryContext) => Promise<void>;
}

/**
 * The messages of one notifier, one after the other and in order, beside the work that they tell of. Each has its time; when
 * that is over the next one begins, whether or not the notifier listens to its signal.
 */
export class DeliveryQueue {
  readonly #options: DeliveryQueueOptions;
  #closing = new AbortController();
  #tail: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  constructor(options: DeliveryQueueOptions) {
    this.#options = options;
  }

  /** Resolves with what kept the message from arriving, or `undefined`. Never rejects. */
  async add(message: NotificationMessage): Promise<CairnError | undefined> {
    const { notifier } = this.#options;
    if (this.#waiting >= MOST_WAITING) {
      return deliveryFailed(`${notifier} has ${MOST_WAITING} messages waiting already`, { retry: 'later' });
    }
    this.#waiting++;
    const result = this.#tail.then(() => this.#attempt(message));
    this.#tail = result;
    const error = await result;
    this.#waiting--;
    return error;
  }

  /** Runs `last`, and waits for all messages, for the time of one delivery in all: what is left then has failed. */
  async drain(last: () => Promise<void>): Promise<void> {
    const closing = this.#closing;
    const timer = setTimeout(() => closing.abort(), this.#options.limitMs);
    try {
      await last();
      await this.#tail;
    } finally {
      clearTimeout(timer);
      this.#closing = new AbortController();
    }
  }

  async #attempt(message: NotificationMessage): Promise<CairnError | undefined> {
    const { limitMs, notifier, deliver } = this.#options;
    const tooLate = deliveryFailed(`${notifier} did not take the message within ${limitMs / 1000} s`, {
      retry: 'later',
    });
    const closing = this.#closing.signal;
    if (closing.aborted) return tooLate;
    const startedAt = performance.now();
    const late = new AbortController();
    const end = (): void => late.abort(tooLate);
    const timer = setTimeout(end, limitMs);
    closing.addEventListener('abort', end, { once: true });
    const ended = Promise.withResolvers<never>();
    ended.promise.catch(() => {});
    late.signal.addEventListener('abort', () => ended.reject(tooLate), { once: true });
    try {
      const delivery = deliver(message, {
        signal: late.signal,
        remainingMs: () => Math.max(0, limitMs - (performance.now() - startedAt)),
      });
      // What a notifier does after its time is over is nobody's concern any more.
      delivery.catch(() => {});
      await Promise.race([delivery, ended.promise]);
      return undefined;
    } catch (error) {
      return late.signal.aborted ? tooLate : asFailure(notifier, error);
    } finally {
      clearTimeout(timer);
      closing.removeEventListener('abort', end);
    }
  }
}

export function asFailure(notifier: string, error: unknown): CairnError {
  if (error instanceof CairnError) return error;
  return deliveryFailed(`${notifier} failed: ${messageOf(error)}`, { cause: error });
}
