import { CairnError } from './errors.ts';

/** What a job tells about itself while it runs. */
export interface Progress {
  /** Stable word for the stage, such as `scan`, `backup`, `index`, `restore`. */
  readonly phase: string;
  /** Units done so far. */
  readonly completed: number;
  /** Units in all, or `undefined` while that is not known. */
  readonly total: number | undefined;
  readonly unit: 'bytes' | 'files' | 'packs' | 'blobs' | 'steps';
  /** What is being worked on now, for a person. */
  readonly description: string;
  readonly bytes?: number;
  readonly totalBytes?: number;
  readonly files?: number;
  readonly totalFiles?: number;
  /** Bytes per second over the last seconds. */
  readonly rate?: number;
  readonly etaMs?: number;
  /** Number of problems so far that did not stop the job. */
  readonly errors: number;
}

export interface JobContext<P extends Progress> {
  readonly signal: AbortSignal;
  report(progress: P): void;
}

/**
 * One concept for all long work: await it for the result, iterate it for progress, abort it to stop it.
 * A job starts when it is made. Progress is conflated: a slow reader sees the newest state, not a backlog.
 */
export class Job<Result, P extends Progress = Progress> implements PromiseLike<Result>, AsyncIterable<P> {
  readonly #controller = new AbortController();
  readonly #result: Promise<Result>;
  #latest: P | undefined;
  #sequence = 0;
  #ended = false;
  #wake: PromiseWithResolvers<void> = Promise.withResolvers();

  constructor(run: (context: JobContext<P>) => Promise<Result>, options: { readonly signal?: AbortSignal } = {}) {
    const outer = options.signal;
    const signal = outer ? AbortSignal.any([outer, this.#controller.signal]) : this.#controller.signal;
    this.#result = (async () => {
      try {
        signal.throwIfAborted();
        return await run({ signal, report: (progress) => this.#report(progress) });
      } catch (error) {
        throw signal.aborted && error === signal.reason ? abortedError(signal.reason) : error;
      } finally {
        this.#ended = true;
        this.#wake.resolve();
      }
    })();
    // Whoever iterates only, or aborts and walks away, must not cause an unhandled rejection.
    this.#result.catch(() => {});
  }

  /** Asks the job to stop. Awaiting it then rejects with `ABORTED`, whose cause is `reason`. */
  abort(reason?: unknown): void {
    this.#controller.abort(reason);
  }

  get progress(): P | undefined {
    return this.#latest;
  }

  // oxlint-disable-next-line unicorn/no-thenable -- a job is awaitable by contract
  then<A = Result, B = never>(
    onFulfilled?: ((value: Result) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#result.then(onFulfilled, onRejected);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<P, void, undefined> {
    let seen = 0;
    for (;;) {
      if (this.#latest !== undefined && this.#sequence !== seen) {
        seen = this.#sequence;
        yield this.#latest;
      } else if (this.#ended) {
        await this.#result;
        return;
      } else {
        await this.#wake.promise;
      }
    }
  }

  #report(progress: P): void {
    this.#latest = progress;
    this.#sequence++;
    const wake = this.#wake;
    this.#wake = Promise.withResolvers();
    wake.resolve();
  }
}

/** The error of work that was stopped on request. */
export function abortedError(reason: unknown): CairnError {
  return new CairnError('ABORTED', 'stopped on request', { cause: reason });
}
