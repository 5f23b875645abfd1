/**
 * Keeps a number of requests under way at once, so that a file takes one round trip and not one for each
 * piece. The first failure stops new ones; nothing of a request outlives `end` without being looked after.
 */
export class RequestWindow {
  readonly #limit: number;
  readonly #onFailure: (error: unknown) => void;
  readonly #running = new Set<Promise<void>>();
  #failure: { readonly error: unknown } | undefined;

  /** `onFailure` is told of the first failure, for those who wait for something else. */
  constructor(limit: number, onFailure: (error: unknown) => void = () => {}) {
    this.#limit = Math.max(1, limit);
    this.#onFailure = onFailure;
  }

  /** Starts a request once there is room for it. Throws what an earlier one failed with. */
  async add(request: () => Promise<void>): Promise<void> {
    while (this.#running.size >= this.#limit && this.#failure === undefined) await Promise.race(this.#running);
    this.#throwFailure();
    const run = request()
      .catch((error: unknown) => {
        if (this.#failure === undefined) this.#onFailure(error);
        this.#failure ??= { error };
      })
      .finally(() => this.#running.delete(run));
    this.#running.add(run);
  }

  /** Waits for all of them. Throws what the first failed with, without waiting for the others. */
  async end(): Promise<void> {
    while (this.#running.size > 0 && this.#failure === undefined) await Promise.race(this.#running);
    this.#throwFailure();
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}
