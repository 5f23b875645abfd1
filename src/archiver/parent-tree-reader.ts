import { idToBytes, type BlobId } from '../base/ids.ts';
import { decodeBlob } from '../repository/blob-codec.ts';
import { readTreeBytes } from '../repository/blob-reader.ts';
import { BLOB_TREE, type BlobIndex, type BlobLocation } from '../repository/index/blob-index.ts';
import { objectName } from '../repository/layout.ts';
import type { Repository } from '../repository/repository.ts';

/** Trees of neighbouring directories lie side by side in their packs, so they are read in blocks. */
const BLOCK_BYTES = 1024 * 1024;
const BLOCKS_KEPT = 8;

interface Block {
  readonly packNumber: number;
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** Reads the trees of the parent snapshot in about the order a walk asks for them. */
export class ParentTreeReader {
  readonly #repository: Repository;
  readonly #index: BlobIndex;
  readonly #signal: AbortSignal | undefined;
  #blocks: Block[] = [];

  constructor(repository: Repository, index: BlobIndex, signal: AbortSignal | undefined) {
    this.#repository = repository;
    this.#index = index;
    this.#signal = signal;
  }

  /**
   * A tree's JSON, in shared memory so that workers see it without a copy; `undefined` if it cannot be read:
   * everything in it then counts as new.
   */
  async read(id: BlobId): Promise<Uint8Array | undefined> {
    try {
      return share((await this.#fromBlock(id)) ?? (await this.#alone(id)));
    } catch {
      this.#signal?.throwIfAborted();
      return undefined;
    }
  }

  async #fromBlock(id: BlobId): Promise<Uint8Array | undefined> {
    const record = this.#index.find(BLOB_TREE, idToBytes(id));
    const location = record < 0 ? undefined : this.#index.location(record);
    if (location === undefined || location.length > BLOCK_BYTES / 2) return undefined;
    const { packNumber, offset, length, uncompressedLength } = location;
    const block = this.#cached(location) ?? (await this.#load(location));
    if (block === undefined) return undefined;
    const start = offset - block.offset;
    const sealed = block.bytes.subarray(start, start + length);
    const { codec, key } = this.#repository;
    return packNumber === block.packNumber ? decodeBlob(codec, key, sealed, { id, uncompressedLength }) : undefined;
  }

  /** The careful way: every copy is tried, each twice. */
  #alone(id: BlobId): Promise<Uint8Array> {
    return readTreeBytes(this.#repository, this.#index, id, { signal: this.#signal });
  }

  #cached({ packNumber, offset, length }: BlobLocation): Block | undefined {
    return this.#blocks.find(
      (block) =>
        block.packNumber === packNumber &&
        block.offset <= offset &&
        offset + length <= block.offset + block.bytes.length,
    );
  }

  /** Trees are stored bottom up and asked for top down: the block ends with the tree. */
  async #load({ packNumber, offset, length }: BlobLocation): Promise<Block | undefined> {
    const from = Math.max(0, offset + length - BLOCK_BYTES);
    const name = objectName('pack', this.#index.packId(packNumber));
    const range = { offset: from, length: offset + length - from, signal: this.#signal };
    const block = { packNumber, offset: from, bytes: await this.#repository.storage.read(name, range) };
    this.#blocks = [block, ...this.#blocks.slice(0, BLOCKS_KEPT - 1)];
    return block;
  }
}

function share(bytes: Uint8Array): Uint8Array {
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
  shared.set(bytes);
  return shared;
}
