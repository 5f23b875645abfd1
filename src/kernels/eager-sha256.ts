import type { GrowingSha256, RunningSha256 } from './codec.ts';

/** A growing message of which each part is hashed as soon as it is there. */
export class EagerSha256 implements GrowingSha256 {
  readonly #hash: RunningSha256;
  #done = 0;

  constructor(hash: RunningSha256) {
    this.#hash = hash;
  }

  grow(message: Uint8Array): void {
    if (message.length > this.#done) this.#hash.update(message.subarray(this.#done));
    this.#done = message.length;
  }

  digestInto(out: Uint8Array): void {
    this.#hash.digestInto(out);
    this.#done = 0;
  }

  reset(): void {
    if (this.#done > 0) this.digestInto(new Uint8Array(32));
  }
}
