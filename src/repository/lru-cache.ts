/** Keeps the most recently used values up to a total size. */
export class LruCache<K, V> {
  readonly #entries = new Map<K, V>();
  readonly #limit: number;
  readonly #sizeOf: (value: V) => number;
  #used = 0;

  constructor(limit: number, sizeOf: (value: V) => number) {
    this.#limit = limit;
    this.#sizeOf = sizeOf;
  }

  get(key: K): V | undefined {
    const value = this.#entries.get(key);
    if (value === undefined) return undefined;
    // A map keeps the order of insertion, so the first key is the one unused for longest.
    this.#entries.delete(key);
    this.#entries.set(key, value);
    return value;
  }

  /** Keeps `value`, unless it is larger than a quarter of the cache: one giant must not push out everything. */
  set(key: K, value: V): void {
    const size = this.#sizeOf(value);
    if (size * 4 > this.#limit || this.#entries.has(key)) return;
    this.#entries.set(key, value);
    this.#used += size;
    for (const [oldest, old] of this.#entries) {
      if (this.#used <= this.#limit) return;
      this.#entries.delete(oldest);
      this.#used -= this.#sizeOf(old);
    }
  }
}
