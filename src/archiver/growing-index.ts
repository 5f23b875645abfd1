import type { BlobIndex, BlobIndexMemory } from '../repository/index/blob-index.ts';
import type { IndexKeeper } from './worker-pool.ts';

/** More than what tasks under way can add, and the trees that are saved meanwhile. */
const MARGIN = 64 * 1024;
/** Growing by half keeps the table at least half full: 56 bytes a blob. */
const GROWTH = 1.5;

/** The index of a backup under way: moved to larger memory, between tasks, when new blobs fill it. */
export class GrowingIndex implements IndexKeeper {
  #current: BlobIndex;

  constructor(index: BlobIndex) {
    this.#current = index;
  }

  get current(): BlobIndex {
    return this.#current;
  }

  hasRoom(): boolean {
    return this.#current.size + MARGIN <= this.#current.capacity;
  }

  makeRoom(): BlobIndexMemory {
    const blobs = Math.ceil(this.#current.size * GROWTH) + 2 * MARGIN;
    this.#current = this.#current.grown({ blobs, packs: this.#current.packCount });
    return this.#current.memory;
  }
}
