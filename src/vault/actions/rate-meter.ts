/** Bytes per second over the last seconds, and the time that is left at that rate. */
export class RateMeter {
  readonly #windowMs: number;
  readonly #now: () => number;
  readonly #samples: { readonly atMs: number; readonly bytes: number }[] = [];

  constructor(options: { readonly windowMs?: number; readonly now?: () => number } = {}) {
    this.#windowMs = options.windowMs ?? 10_000;
    this.#now = options.now ?? ((): number => performance.now());
  }

  /** Notes that `bytes` are done in all. */
  note(bytes: number): void {
    const atMs = this.#now();
    const last = this.#samples.at(-1);
    // A tenth of a second between samples is enough, and bounds their number.
    if (last !== undefined && atMs - last.atMs < 100) return;
    this.#samples.push({ atMs, bytes });
    while (this.#samples.length > 2 && atMs - (this.#samples[0]?.atMs ?? atMs) > this.#windowMs) this.#samples.shift();
  }

  /** Bytes per second, or `undefined` in the first moments. */
  get rate(): number | undefined {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    if (first === undefined || last === undefined || last.atMs - first.atMs < 500) return undefined;
    return ((last.bytes - first.bytes) * 1000) / (last.atMs - first.atMs);
  }

  /** Milliseconds until `total` bytes are done, or `undefined` where that cannot be told. */
  etaMs(bytes: number, total: number | undefined): number | undefined {
    const rate = this.rate;
    if (rate === undefined || rate <= 0 || total === undefined || total < bytes) return undefined;
    return ((total - bytes) * 1000) / rate;
  }
}
