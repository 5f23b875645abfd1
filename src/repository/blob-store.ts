import { idFromBytes, type BlobId } from '../base/ids.ts';
import { hasCode } from '../base/errors.ts';
import { encodePackHeader, type PackEntry } from '../formats/pack/pack-header.ts';
import { readTreeBytes } from './blob-reader.ts';
import { BLOB_TREE, type BlobIndex } from './index/blob-index.ts';
import type { IndexWriterOptions } from './index-writer.ts';
import { MAX_BLOBS_PER_PACK, PACK_HEADER_ROOM, PackBuilder } from './pack-builder.ts';
import { PackWriter } from './pack-writer.ts';
import type { Repository } from './repository.ts';

/** A pack is closed here. Care writes little, and mostly trees. */
const PACK_BYTES = 16 * 1024 * 1024;
/** zstd's own default, as restic's `auto`. */
const TREE_LEVEL = 3;
const SMALLEST_BUFFER = 1024 * 1024;

/**
 * Stores single blobs on the main thread, for care: a backup has its own pipeline. One type per pack. Nothing is durable
 * before `flush` resolves.
 */
export class BlobStore {
  readonly #repository: Repository;
  readonly #index: BlobIndex;
  readonly #packs: PackWriter;
  readonly #saved = new Set<BlobId>();
  readonly #open = new Map<PackEntry['type'], OpenPack>();

  readonly #signal: AbortSignal | undefined;

  /** Trees of which `index` lists a good copy are not stored again. */
  constructor(repository: Repository, index: BlobIndex, options: IndexWriterOptions = {}) {
    this.#repository = repository;
    this.#index = index;
    this.#packs = new PackWriter(repository, options);
    this.#signal = options.signal;
  }

  /** Stores a tree unless it is stored already, and returns its id. */
  async saveTree(json: Uint8Array): Promise<BlobId> {
    const { codec, config } = this.#repository;
    const bytes = new Uint8Array(32);
    codec.sha256(json, bytes);
    const id = idFromBytes<BlobId>(bytes);
    if (this.#saved.has(id) || (await this.#isStored(bytes, id))) return id;
    this.#saved.add(id);
    const pack = this.#room('tree', json.length);
    // Trees are JSON, and prune repacks raw ones: they are always compressed where the version allows it.
    if (config.version === 1) pack.builder.addRaw(BLOB_TREE, bytes, json);
    else pack.builder.addCompressed(BLOB_TREE, bytes, json, TREE_LEVEL);
    await this.#closeIfFull('tree', pack);
    return id;
  }

  /** Stores a blob as it was sealed, also one that the index lists. The caller has verified it. */
  async saveSealed(entry: PackEntry, sealed: Uint8Array): Promise<void> {
    const pack = this.#room(entry.type, sealed.length);
    pack.builder.addSealed(sealed, encodePackHeader([{ ...entry, offset: 0 }]), 1);
    await this.#closeIfFull(entry.type, pack);
  }

  /** Waits until everything is stored and listed in the index. Throws the first failure; then nothing may refer to it. */
  async flush(): Promise<void> {
    for (const [type, pack] of this.#open) await this.#close(type, pack);
    await this.#packs.flush();
  }

  /** Whether a copy that the index lists can be read: what is about to be removed may have had the only good one. */
  async #isStored(bytes: Uint8Array, id: BlobId): Promise<boolean> {
    if (!this.#index.has(BLOB_TREE, bytes)) return false;
    try {
      await readTreeBytes(this.#repository, this.#index, id, { signal: this.#signal });
      return true;
    } catch (error) {
      if (hasCode(error, 'BLOB_CORRUPT') || hasCode(error, 'BLOB_MISSING')) return false;
      throw error;
    }
  }

  #room(type: PackEntry['type'], plainBytes: number): OpenPack {
    const { codec, key } = this.#repository;
    let pack = this.#open.get(type);
    if (pack === undefined) {
      const buffer = new Uint8Array(SMALLEST_BUFFER + PACK_HEADER_ROOM);
      // There is little of it, and it replaces what is there: each blob is opened again before it leaves.
      pack = { buffer, builder: new PackBuilder(codec, key, buffer, { verify: true }) };
      this.#open.set(type, pack);
    }
    if (!pack.builder.hasRoomFor(plainBytes)) {
      const needed = pack.builder.sizeBytes + plainBytes + 64 + PACK_HEADER_ROOM;
      pack.buffer = new Uint8Array(Math.max(needed, 2 * pack.buffer.length));
      pack.builder.moveTo(pack.buffer);
    }
    return pack;
  }

  async #closeIfFull(type: PackEntry['type'], pack: OpenPack): Promise<void> {
    const { sizeBytes, blobCount } = pack.builder;
    if (sizeBytes >= PACK_BYTES || blobCount >= MAX_BLOBS_PER_PACK) await this.#close(type, pack);
  }

  async #close(type: PackEntry['type'], pack: OpenPack): Promise<void> {
    this.#open.delete(type);
    if (pack.builder.blobCount > 0) await this.#packs.store(pack.builder.finish(), pack.buffer);
    if (this.#packs.failure !== undefined) throw this.#packs.failure.error;
  }
}

interface OpenPack {
  buffer: Uint8Array;
  readonly builder: PackBuilder;
}
