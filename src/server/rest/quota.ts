import type { Storage, StorageOptions } from '../../storage/storage.ts';

/** The bytes that all repositories of a server may take together: counted once, kept up to date from then on. */
export class Quota {
  readonly maxBytes: number;
  #usedBytes: number;

  constructor(maxBytes: number, usedBytes: number) {
    this.maxBytes = maxBytes;
    this.#usedBytes = usedBytes;
  }

  /** Counts what is there. Takes a listing of the whole storage. */
  static async count(storage: Storage, maxBytes: number, options: StorageOptions): Promise<Quota> {
    let usedBytes = 0;
    for await (const { sizeBytes } of storage.list('', options)) usedBytes += sizeBytes;
    return new Quota(maxBytes, usedBytes);
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /**
   * Sets `bytes` aside before they come, so that uploads at the same time cannot exceed it together. `undefined`
   * where there is no room. Keep what was stored, release what was not.
   */
  reserve(bytes: number): Reservation | undefined {
    if (this.#usedBytes + bytes > this.maxBytes) return undefined;
    this.#usedBytes += bytes;
    let reserved = bytes;
    return {
      grow: (more) => {
        if (this.#usedBytes + more > this.maxBytes) return false;
        this.#usedBytes += more;
        reserved += more;
        return true;
      },
      keep: () => {
        reserved = 0;
      },
      [Symbol.dispose]: () => {
        this.#usedBytes -= reserved;
        reserved = 0;
      },
    };
  }

  /** Counts bytes whatever the limit is: for locks, without which nothing could be removed any more. */
  add(bytes: number): void {
    this.#usedBytes += bytes;
  }

  removed(bytes: number): void {
    this.#usedBytes = Math.max(0, this.#usedBytes - bytes);
  }
}

/** Disposing it gives back what was not kept. */
export interface Reservation extends Disposable {
  /** For bodies of unknown length. False where there is no room. */
  grow(moreBytes: number): boolean;
  /** The bytes are stored now. */
  keep(): void;
}
