// Bounded concurrency. Nothing here starts more than `limit` operations, and every started
// operation is awaited before the call returns, also when one fails.

export interface ConcurrencyOptions {
  readonly limit: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs `task` over `items`, at most `limit` at once, and returns the results in the order of the items.
 * The first failure stops new work; it is thrown once the running tasks have ended.
 */
export async function mapConcurrent<T, R>(
  items: Iterable<T> | AsyncIterable<T>,
  { limit, signal }: ConcurrencyOptions,
  task: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  const running = new Set<Promise<void>>();
  let failure: { readonly error: unknown } | undefined;
  let index = 0;
  try {
    for await (const item of items) {
      if (failure !== undefined) break;
      signal?.throwIfAborted();
      const at = index++;
      const run = (async () => {
        try {
          results[at] = await task(item, at);
        } catch (error) {
          failure ??= { error };
        }
      })();
      running.add(run);
      void run.then(() => running.delete(run));
      if (running.size >= limit) await Promise.race(running);
    }
  } catch (error) {
    failure ??= { error };
  }
  await Promise.all(running);
  if (failure !== undefined) throw failure.error;
  return results;
}

/** A counting semaphore with first-come order. */
export class Semaphore {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(limit: number) {
    this.#free = limit;
  }

  /** Waits for a place. Dispose the result to give it back; disposing twice is fine. */
  async acquire(signal?: AbortSignal): Promise<Disposable> {
    signal?.throwIfAborted();
    if (this.#free > 0) this.#free--;
    else await this.#wait(signal);
    let held = true;
    return {
      [Symbol.dispose]: () => {
        if (held) this.#release();
        held = false;
      },
    };
  }

  #wait(signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const grant = (): void => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      };
      const onAbort = (): void => {
        const at = this.#waiting.indexOf(grant);
        if (at >= 0) this.#waiting.splice(at, 1);
        reject(signal?.reason);
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#waiting.push(grant);
    });
  }

  #release(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free++;
    else next();
  }
}
