import { orAbort } from '../../base/or-abort.ts';

/** What ends is fetched anew so long before. */
const RENEW_BEFORE_MS = 5 * 60_000;

export interface Expiring {
  /** When it stops being valid, in milliseconds since the epoch; undefined for never. */
  readonly expiresAtMs: number | undefined;
}

/** Credentials that a server gives for a while: asked for once for all who want them at the same time, and again before they end. */
export class RenewedValue<T extends Expiring> {
  readonly #ask: () => Promise<T>;
  readonly #now: () => number;
  #known: T | undefined;
  #asking: Promise<T> | undefined;

  constructor(ask: () => Promise<T>, now: () => number = Date.now) {
    this.#ask = ask;
    this.#now = now;
  }

  async get(signal?: AbortSignal): Promise<T> {
    const known = this.#known;
    if (known !== undefined && (known.expiresAtMs ?? Infinity) - RENEW_BEFORE_MS > this.#now()) return known;
    this.#asking ??= this.#renew();
    return orAbort(this.#asking, signal);
  }

  /** A server does not take this one any more: the next one who wants it asks again. */
  drop(value: T): void {
    if (this.#known === value) this.#known = undefined;
  }

  async #renew(): Promise<T> {
    try {
      this.#known = await this.#ask();
      return this.#known;
    } catch (error) {
      const known = this.#known;
      // It is asked for early so that a server that is away for a moment ends nothing.
      if (known === undefined || (known.expiresAtMs ?? Infinity) <= this.#now()) throw error;
      return known;
    } finally {
      this.#asking = undefined;
    }
  }
}
