import { idToBytes, type BlobId } from '../base/ids.ts';
import { decodeBlob } from '../repository/blob-codec.ts';
import { readTreeBytes } from '../repository/blob-reader.ts';
import { BLOB_TREE, type BlobIndex, type BlobLocation } from '../repository/index/blob-index.ts';
import { objectName } from '../repository/layout.ts';
import type { Repository } from '../repository/repository.ts';

/** Trees of neighbouring directories lie side by side in their packs, so packs are read in blocks. */
const BLOCK_BYTES = 1024 * 1024;
const BLOCKS_KEPT = 12;

/** Reads the trees of the parent snapshot in about the order a walk asks for them. */
export class ParentTreeReader {
  readonly #repository: Repository;
  readonly #index: BlobIndex;
  readonly #signal: AbortSignal | undefined;
  readonly #packSizes = new Map<number, Promise<number>>();
  /** By pack and block number, the one that was not used for longest first. */
  readonly #blocks = new Map<string, Promise<Uint8Array>>();

  constructor(repository: Repository, index: BlobIndex, signal: AbortSignal | undefined) {
    this.#repository = repository;
    this.#index = index;
    this.#signal = signal;
  }

  /** A tree's JSON; `undefined` if it cannot be read: everything in it then counts as new. */
  async read(id: BlobId): Promise<Uint8Array | undefined> {
    try {
      return (await this.#fromBlock(id)) ?? (await this.#alone(id));
    } catch {
      this.#signal?.throwIfAborted();
      return undefined;
    }
  }

  /** `undefined` where the careful way has to find out: the tree is unknown, spans blocks, or is damaged. */
  async #fromBlock(id: BlobId): Promise<Uint8Array | undefined> {
    const record = this.#index.find(BLOB_TREE, idToBytes(id));
    const location = record < 0 ? undefined : this.#index.location(record);
    if (location === undefined) return undefined;
    const { offset, length, uncompressedLength } = location;
    const number = Math.floor(offset / BLOCK_BYTES);
    const start = offset - number * BLOCK_BYTES;
    if (start + length > BLOCK_BYTES) return undefined;
    try {
      const block = await this.#block(location, number);
      const sealed = block.subarray(start, start + length);
      return decodeBlob(this.#repository.codec, this.#repository.key, sealed, { id, uncompressedLength });
    } catch {
      return undefined;
    }
  }

  /** The careful way: every copy is tried, each twice. */
  #alone(id: BlobId): Promise<Uint8Array> {
    return readTreeBytes(this.#repository, this.#index, id, { signal: this.#signal });
  }

  #block({ packNumber }: BlobLocation, number: number): Promise<Uint8Array> {
    const key = `${packNumber}:${number}`;
    const block = this.#blocks.get(key) ?? this.#load(packNumber, number);
    this.#blocks.delete(key);
    this.#blocks.set(key, block);
    const [oldest] = this.#blocks.keys();
    if (this.#blocks.size > BLOCKS_KEPT && oldest !== undefined) this.#blocks.delete(oldest);
    return block;
  }

  async #load(packNumber: number, number: number): Promise<Uint8Array> {
    const name = objectName('pack', this.#index.packId(packNumber));
    const size = this.#packSizes.get(packNumber) ?? this.#sizeOf(name);
    this.#packSizes.set(packNumber, size);
    const offset = number * BLOCK_BYTES;
    const length = Math.min(BLOCK_BYTES, (await size) - offset);
    return this.#repository.storage.read(name, { offset, length, signal: this.#signal });
  }

  async #sizeOf(name: string): Promise<number> {
    return (await this.#repository.storage.stat(name, { signal: this.#signal }))?.sizeBytes ?? 0;
  }
}
