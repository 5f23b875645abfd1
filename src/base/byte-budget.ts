/** Limits the bytes that are held at once; first come, first served. */
export class ByteBudget {
  readonly #limit: number;
  #held = 0;
  readonly #waiting: { readonly bytes: number; readonly grant: () => void }[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Waits until the bytes fit, or nothing else is held. Dispose the result to give them back. */
  async acquire(bytes: number): Promise<Disposable> {
    if (this.#waiting.length > 0 || !this.#fits(bytes)) {
      await new Promise<void>((grant) => this.#waiting.push({ bytes, grant }));
    } else {
      this.#held += bytes;
    }
    return {
      [Symbol.dispose]: () => {
        this.#held -= bytes;
        this.#grant();
      },
    };
  }

  #fits(bytes: number): boolean {
    return this.#held === 0 || this.#held + bytes <= this.#limit;
  }

  #grant(): void {
    for (let next = this.#waiting[0]; next !== undefined && this.#fits(next.bytes); next = this.#waiting[0]) {
      this.#waiting.shift();
      this.#held += next.bytes;
      next.grant();
    }
  }
}
