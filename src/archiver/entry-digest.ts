import { STAT_FIELDS, StatField } from '../base/posix/posix.ts';
import type { Codec } from '../kernels/codec.ts';

const NUL = Uint8Array.of(0);

/**
 * A digest of what the system says about the entries of a directory: names, types, sizes, times, inodes,
 * owners, modes. Equal digests mean that restic's rule calls every file unchanged and that every node comes
 * out the same: contents, attributes and link targets cannot change without the ctime.
 */
export class EntryDigest {
  readonly #codec: Codec;
  readonly #stat = new BigInt64Array(STAT_FIELDS);
  readonly #statBytes = new Uint8Array(this.#stat.buffer);
  #bytes = new Uint8Array(16 * 1024);
  #size = 0;

  constructor(codec: Codec) {
    this.#codec = codec;
  }

  clear(): void {
    this.#size = 0;
  }

  add(name: Uint8Array, stat: BigInt64Array): void {
    this.#stat.set(stat);
    // Reading a file changes its atime, and how much disk it takes is not recorded.
    this.#stat[StatField.atimeNs] = 0n;
    this.#stat[StatField.blocks] = 0n;
    this.addBytes(this.#statBytes);
    this.addBytes(name);
    this.addBytes(NUL);
  }

  addBytes(bytes: Uint8Array): void {
    const needed = this.#size + bytes.length;
    if (needed > this.#bytes.length) {
      const larger = new Uint8Array(2 * needed);
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    this.#bytes.set(bytes, this.#size);
    this.#size = needed;
  }

  /** All that was added, for another digest to go on with. */
  get pending(): Uint8Array {
    return this.#bytes.slice(0, this.#size);
  }

  /** The digest of all that was added, 32 bytes; clears. */
  take(digest: Uint8Array = new Uint8Array(32)): Uint8Array {
    this.#codec.sha256(this.#bytes.subarray(0, this.#size), digest);
    this.#size = 0;
    return digest;
  }
}
