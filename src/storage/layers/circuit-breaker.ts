import { type Clock, msToNs, systemClock } from '../../base/clock.ts';
import { CairnError, isCairnError, type KnownError } from '../../base/errors.ts';
import { orAbort } from '../../base/or-abort.ts';
import type { Storage, StorageOptions } from '../storage.ts';
import { AroundLayer, type StorageCall } from './around-layer.ts';

/** Told when the storage is given a rest and when it answers again. */
export type CircuitNotice =
  | { readonly type: 'opened'; readonly failures: number; readonly error: KnownError; readonly restMs: number }
  | { readonly type: 'closed'; readonly failures: number; readonly downMs: number };

export interface CircuitBreakerOptions {
  /** Failures one after the other, over all operations, after which nothing more is sent. */
  readonly failures?: number;
  /** The first rest; doubled after each probe that fails, and each varied by a quarter either way. */
  readonly firstRestMs?: number;
  readonly longestRestMs?: number;
  readonly onChange?: ((notice: CircuitNotice) => void) | undefined;
  readonly clock?: Clock;
  /** In [0, 1), for the jitter. */
  readonly random?: () => number;
}

/**
 * `inner` with one circuit breaker for all its operations. Once so many in a row have failed in a way that a
 * pause can help, operations fail at once with `STORAGE_UNREACHABLE`, whose `facts.retryAfterMs` says when the
 * storage is tried again: the retry layer above waits for that. Then one operation goes through as a probe, and
 * the others wait for its outcome. Any answer, a refusal too, closes the circuit.
 */
export function breaking(inner: Storage, options: CircuitBreakerOptions = {}): Storage {
  return new BreakerLayer(inner, options);
}

class BreakerLayer extends AroundLayer {
  readonly #breaker: CircuitBreaker;

  constructor(inner: Storage, options: CircuitBreakerOptions) {
    super(inner);
    this.#breaker = new CircuitBreaker(inner.url, options);
  }

  protected override around<T>(_: StorageCall, { signal }: StorageOptions, run: () => Promise<T>): Promise<T> {
    return this.#breaker.run(signal, run);
  }
}

type State =
  | { readonly kind: 'closed' }
  | { readonly kind: 'open'; readonly untilNs: bigint; readonly restMs: number }
  | { readonly kind: 'probing'; readonly outcome: Promise<void>; readonly restMs: number };

/** Counts the failures of one endpoint and decides who may ask it. */
class CircuitBreaker {
  readonly #where: string;
  readonly #options: CircuitBreakerOptions;
  readonly #clock: Clock;
  #state: State = { kind: 'closed' };
  /** In a row, all operations together. */
  #failures = 0;
  #failingSinceNs = 0n;
  #lastError: KnownError | undefined;

  constructor(where: string, options: CircuitBreakerOptions = {}) {
    this.#where = where;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  /** Runs one operation, or throws at once while the endpoint is given a rest. */
  async run<T>(signal: AbortSignal | undefined, operation: () => Promise<T>): Promise<T> {
    for (;;) {
      signal?.throwIfAborted();
      const state = this.#state;
      if (state.kind === 'closed') return await this.#observe(operation);
      if (state.kind === 'probing') await orAbort(state.outcome, signal);
      else if (this.#clock.nowNs() < state.untilNs) throw this.#resting(state.untilNs);
      else return await this.#probe(state.restMs, operation);
    }
  }

  async #probe<T>(restMs: number, operation: () => Promise<T>): Promise<T> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#state = { kind: 'probing', outcome: promise, restMs };
    try {
      return await this.#observe(operation);
    } finally {
      // Aborted or a fault of ours: nothing was learned, so the next one probes.
      if (this.#state.kind === 'probing') this.#state = { kind: 'open', untilNs: this.#clock.nowNs(), restMs };
      resolve();
    }
  }

  async #observe<T>(operation: () => Promise<T>): Promise<T> {
    try {
      const result = await operation();
      this.#answered();
      return result;
    } catch (error) {
      if (isCairnError(error)) {
        if (error.retry === 'later') this.#failed(error);
        else this.#answered();
      }
      throw error;
    }
  }

  #answered(): void {
    const failures = this.#failures;
    this.#failures = 0;
    if (this.#state.kind === 'closed') return;
    this.#state = { kind: 'closed' };
    const downMs = Number(this.#clock.nowNs() - this.#failingSinceNs) / 1e6;
    this.#options.onChange?.({ type: 'closed', failures, downMs });
  }

  #failed(error: KnownError): void {
    if (this.#failures === 0) this.#failingSinceNs = this.#clock.nowNs();
    this.#failures++;
    this.#lastError = error;
    const state = this.#state;
    const { failures = 10, firstRestMs = 2000, longestRestMs = 60_000 } = this.#options;
    // One that had started before the rest began says nothing new.
    if (state.kind === 'open' || (state.kind === 'closed' && this.#failures < failures)) return;
    const plain = state.kind === 'probing' ? Math.min(state.restMs * 2, longestRestMs) : firstRestMs;
    const asked = error.facts['retryAfterMs'];
    const restMs = Math.max(this.#jittered(plain), typeof asked === 'number' ? asked : 0);
    this.#state = { kind: 'open', untilNs: this.#clock.nowNs() + msToNs(restMs), restMs: plain };
    this.#options.onChange?.({ type: 'opened', failures: this.#failures, error, restMs });
  }

  #jittered(plainMs: number): number {
    const { random = Math.random } = this.#options;
    return plainMs * (0.75 + random() / 2);
  }

  #resting(untilNs: bigint): CairnError {
    const since = new Date(Number(this.#failingSinceNs / 1_000_000n)).toISOString();
    const last = this.#lastError;
    const retryAfterMs = Number(untilNs - this.#clock.nowNs()) / 1e6;
    return new CairnError(
      'STORAGE_UNREACHABLE',
      `${this.#where} was not asked: it has failed ${this.#failures} times since ${since}, at last with: ${last?.message ?? ''}`,
      {
        ...(last?.hint === undefined ? {} : { hint: last.hint }),
        retry: 'later',
        cause: last,
        facts: { retryAfterMs, failures: this.#failures, failingSince: since, asked: false },
      },
    );
  }
}
