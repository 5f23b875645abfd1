import type { BlobSaver } from './blob-saver.ts';

/** Saves the chunks of a file two by two (`BlobSaver.savePair`). The first of a pair waits where it lies. */
export class ChunkPairs {
  readonly #saver: BlobSaver;
  readonly #onId: (id: Uint8Array) => void;
  #waiting: Uint8Array | undefined;

  /** `onId` gets the id of each chunk, in order, in memory that the next call overwrites. */
  constructor(saver: BlobSaver, onId: (id: Uint8Array) => void) {
    this.#saver = saver;
    this.#onId = onId;
  }

  add(chunk: Uint8Array): void {
    if (this.#waiting === undefined) {
      this.#waiting = chunk;
      return;
    }
    const ids = this.#saver.savePair(this.#waiting, chunk);
    this.#waiting = undefined;
    for (const id of ids) this.#onId(id);
  }

  /** Saves the one that waits. Call it when the file ends, and before its bytes are overwritten. */
  settle(): void {
    if (this.#waiting === undefined) return;
    this.#onId(this.#saver.save(this.#waiting));
    this.#waiting = undefined;
  }
}
