import { isCairnError } from '../../base/errors.ts';
import { decodeBlob } from '../blob-codec.ts';
import type { BlobIndex } from '../index/blob-index.ts';
import { objectName } from '../layout.ts';
import { LruCache } from '../lru-cache.ts';
import type { Repository } from '../repository.ts';

const WINDOW_SIZE = 1024 * 1024;
const KEPT_BYTES = 8 * WINDOW_SIZE;

/**
 * Reads blobs that lie near each other, such as the trees of a snapshot, with few requests: a megabyte at a
 * time, and the last eight are kept.
 */
export class BlobWindows {
  readonly #repository: Repository;
  readonly #index: BlobIndex;
  readonly #packSize: (packNumber: number) => number;
  readonly #windows = new LruCache<string, Promise<Uint8Array>>(KEPT_BYTES, () => WINDOW_SIZE);

  constructor(repository: Repository, index: BlobIndex, packSize: (packNumber: number) => number) {
    this.#repository = repository;
    this.#index = index;
    this.#packSize = packSize;
  }

  /** The plaintext of a record's blob, or `undefined` where this copy cannot be read or is bad. */
  async read(record: number, signal: AbortSignal | undefined): Promise<Uint8Array | undefined> {
    const location = this.#index.location(record);
    if (location === undefined) return undefined;
    const { offset, length } = location;
    const start = Math.floor(offset / WINDOW_SIZE) * WINDOW_SIZE;
    if (offset + length > start + WINDOW_SIZE) return undefined;
    try {
      const window = await this.#window(location.packNumber, start);
      signal?.throwIfAborted();
      const sealed = window.subarray(offset - start, offset - start + length);
      const { codec, key } = this.#repository;
      return decodeBlob(codec, key, sealed, { ...location, id: this.#index.blobId(record) });
    } catch (error) {
      if (!isCairnError(error)) throw error;
      return undefined;
    }
  }

  #window(packNumber: number, start: number): Promise<Uint8Array> {
    const key = `${packNumber}:${start}`;
    const known = this.#windows.get(key);
    if (known !== undefined) return known;
    const window = this.#load(packNumber, start);
    window.catch(() => {});
    this.#windows.set(key, window);
    return window;
  }

  // Without the caller's signal: others may wait for the same window.
  async #load(packNumber: number, start: number): Promise<Uint8Array> {
    const { storage } = this.#repository;
    const name = objectName('pack', this.#index.packId(packNumber));
    return storage.read(name, { offset: start, length: Math.min(WINDOW_SIZE, this.#packSize(packNumber) - start) });
  }
}
