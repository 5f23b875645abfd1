/** A bound on the bytes that are held in memory at once; who wants more than is free waits, first come, first served. */
export class ByteBudget {
  readonly #totalBytes: number;
  #freeBytes: number;
  readonly #waiting: { readonly bytes: number; readonly grant: () => void }[] = [];

  constructor(totalBytes: number) {
    this.#totalBytes = totalBytes;
    this.#freeBytes = totalBytes;
  }

  /** Takes `bytes`, which must not be more than the whole; dispose the result to give them back. Rejects with the reason of `signal`. */
  async take(bytes: number, signal: AbortSignal): Promise<Disposable> {
    signal.throwIfAborted();
    if (bytes > this.#totalBytes) throw new RangeError(`${bytes} of ${this.#totalBytes} bytes can never be had`);
    if (this.#waiting.length > 0 || bytes > this.#freeBytes) await this.#wait(bytes, signal);
    else this.#freeBytes -= bytes;
    let held = true;
    return {
      [Symbol.dispose]: () => {
        if (held) this.#giveBack(bytes);
        held = false;
      },
    };
  }

  #wait(bytes: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const entry = {
        bytes,
        grant: () => {
          signal.removeEventListener('abort', onAbort);
          resolve();
        },
      };
      const onAbort = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(entry), 1);
        reject(signal.reason);
        // Whoever stood behind may fit now.
        this.#grant();
      };
      signal.addEventListener('abort', onAbort, { once: true });
      this.#waiting.push(entry);
    });
  }

  #giveBack(bytes: number): void {
    this.#freeBytes += bytes;
    this.#grant();
  }

  #grant(): void {
    for (let next = this.#waiting[0]; next !== undefined && next.bytes <= this.#freeBytes; next = this.#waiting[0]) {
      this.#waiting.shift();
      this.#freeBytes -= next.bytes;
      next.grant();
    }
  }
}
