import type { BlobSaver } from './blob-saver.ts';

/** What those need who only save blobs. */
export type SavesBlobs = Pick<BlobSaver, 'save'>;

/** Enough for the saver to hash by twos nearly all the time. */
const CHUNKS = 6;

/** Saves the chunks of a file several at a time. Until then they wait where they lie. */
export class ChunkBatch {
  readonly #saver: SavesBlobs;
  readonly #onIds: (ids: Uint8Array) => void;
  readonly #waiting: Uint8Array[] = [];

  /** `onIds` gets the ids of the chunks, in order, in memory that the next call overwrites. */
  constructor(saver: SavesBlobs, onIds: (ids: Uint8Array) => void) {
    this.#saver = saver;
    this.#onIds = onIds;
  }

  add(chunk: Uint8Array): void {
    this.#waiting.push(chunk);
    if (this.#waiting.length === CHUNKS) this.settle();
  }

  /** Saves those that wait. Call it when the file ends, and before their bytes are overwritten. */
  settle(): void {
    if (this.#waiting.length > 0) this.#onIds(this.#saver.save(this.#waiting.splice(0)));
  }

  /** Drops those that wait. */
  forget(): void {
    this.#waiting.length = 0;
  }
}
