const POOL_SIZE = 64 * 1024;

/** Random IVs drawn in bulk: one call to the system's generator per 4,096 IVs of 16 bytes. */
export class IvPool {
  readonly #pool = new Uint8Array(POOL_SIZE);
  readonly #fillRandom: (bytes: Uint8Array) => void;
  #used = POOL_SIZE;

  /** `fillRandom` asks a cryptographic generator. */
  constructor(fillRandom: (bytes: Uint8Array) => void) {
    this.#fillRandom = fillRandom;
  }

  /** Writes a fresh IV to the first 16 bytes of `dst`. An all-zero IV is invalid in the format and is never given. */
  next(dst: Uint8Array): void {
    for (;;) {
      if (this.#used === POOL_SIZE) {
        this.#fillRandom(this.#pool);
        this.#used = 0;
      }
      const iv = this.#pool.subarray(this.#used, this.#used + 16);
      this.#used += 16;
      dst.set(iv);
      iv.fill(0);
      if (dst.subarray(0, 16).some((byte) => byte !== 0)) return;
    }
  }
}
