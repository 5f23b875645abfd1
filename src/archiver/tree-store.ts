import { ID_SIZE, idFromBytes, type BlobId } from '../base/ids.ts';
import type { GrowingIndex } from './growing-index.ts';
import { BLOB_TREE } from '../repository/index/blob-index.ts';
import { MAX_BLOBS_PER_PACK, PACK_HEADER_ROOM, PackBuilder } from '../repository/pack-builder.ts';
import type { PackWriter } from '../repository/pack-writer.ts';
import type { Repository } from '../repository/repository.ts';

/** Much of a tree is hexadecimal ids: this level packs it quicker than the usual one, and smaller (src/formats/unpacked.ts). */
const LEVEL = 1;

/** Room for a large tree beside a full pack. Memory that is not written to costs nothing. */
const SPARE_BYTES = 2 * 1024 * 1024;

export interface TreeStats {
  treeBlobs: number;
  /** Plain bytes of new trees. */
  dataAdded: number;
  dataAddedPacked: number;
}

/** Saves tree blobs, on the main thread, in packs of their own (restic's format: one blob type per pack). */
export class TreeStore {
  readonly #repository: Repository;
  readonly #packs: PackWriter;
  readonly #packSizeBytes: number;
  readonly #verify: boolean;
  readonly #level: number | undefined;
  readonly #id = new Uint8Array(ID_SIZE);
  readonly #index: GrowingIndex;
  #buffer: Uint8Array;
  #builder: PackBuilder | undefined;
  readonly stats: TreeStats = { treeBlobs: 0, dataAdded: 0, dataAddedPacked: 0 };

  constructor(
    repository: Repository,
    index: GrowingIndex,
    packs: PackWriter,
    { packSizeBytes, verify }: { readonly packSizeBytes: number; readonly verify: boolean },
  ) {
    this.#repository = repository;
    this.#index = index;
    this.#packs = packs;
    this.#packSizeBytes = packSizeBytes;
    this.#verify = verify;
    this.#buffer = this.#newBuffer();
    // Prune repacks raw ones: they are always compressed where the version allows it.
    this.#level = repository.config.version === 1 ? undefined : LEVEL;
  }

  /** Whether the tree was stored before or by this call; it is durable after `flush`. */
  save(json: Uint8Array): { readonly id: BlobId; readonly isNew: boolean } {
    this.#repository.codec.sha256(json, this.#id);
    const isNew = this.#index.current.claim(BLOB_TREE, this.#id) >= 0;
    if (isNew) this.#store(json);
    return { id: idFromBytes<BlobId>(this.#id), isNew };
  }

  /** Hands the unfinished pack over. */
  flush(): void {
    const builder = this.#builder;
    if (builder === undefined || builder.blobCount === 0) return;
    const pack = builder.finish();
    void this.#packs.store(pack, this.#buffer);
    this.#buffer = this.#newBuffer();
    builder.restart(this.#buffer);
  }

  #store(json: Uint8Array): void {
    const { codec, key } = this.#repository;
    this.#builder ??= new PackBuilder(codec, key, this.#buffer, { verify: this.#verify });
    if (!this.#builder.hasRoomFor(json.length)) this.#grow(this.#builder, json.length);
    const stored =
      this.#level === undefined
        ? this.#builder.addRaw(BLOB_TREE, this.#id, json)
        : this.#builder.addCompressed(BLOB_TREE, this.#id, json, this.#level);
    this.stats.treeBlobs++;
    this.stats.dataAdded += json.length;
    this.stats.dataAddedPacked += stored.packedLength;
    if (this.#builder.sizeBytes >= this.#packSizeBytes || this.#builder.blobCount >= MAX_BLOBS_PER_PACK) this.flush();
  }

  #newBuffer(): Uint8Array {
    return new Uint8Array(this.#packSizeBytes + SPARE_BYTES + PACK_HEADER_ROOM);
  }

  #grow(builder: PackBuilder, moreBytes: number): void {
    const needed = builder.sizeBytes + moreBytes + 64 + PACK_HEADER_ROOM;
    const larger = new Uint8Array(Math.max(needed, 2 * this.#buffer.length));
    builder.moveTo(larger);
    this.#buffer = larger;
  }
}
