import type { BlockFeed } from './archive-stream.ts';

/** A tar stream that comes in pieces of any size, in blocks. */
export class ChunkFeed implements BlockFeed {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #rest: Uint8Array = new Uint8Array(0);

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  async fill(block: Uint8Array): Promise<number> {
    let used = 0;
    while (used < block.length) {
      if (this.#rest.length === 0) {
        const next = await this.#chunks.next();
        if (next.done === true) break;
        this.#rest = next.value;
      }
      const part = this.#rest.subarray(0, block.length - used);
      block.set(part, used);
      used += part.length;
      this.#rest = this.#rest.subarray(part.length);
    }
    return used;
  }
}
