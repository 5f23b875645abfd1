import { withRoom } from '../../base/bytes.ts';
import { ID_SIZE } from '../../base/ids.ts';
import type { Codec } from '../../kernels/codec.ts';
import { CompressionProbe } from '../../repository/compression.ts';
import { BLOB_DATA, type BlobIndex } from '../../repository/index/blob-index.ts';
import { MAX_BLOBS_PER_PACK, PackBuilder, type FinishedPack } from '../../repository/pack-builder.ts';
import type { BlobStats, FlushResult, WorkerSetup } from './messages.ts';
import { PackSlots } from './pack-slots.ts';

const NO_SLOT = -1;

/** Saves data blobs: hash, look up, compress, seal, append to the pack of this worker. */
export class BlobSaver {
  readonly #codec: Codec;
  readonly #probe: CompressionProbe;
  readonly #setup: WorkerSetup;
  readonly #slots: PackSlots;
  readonly #onPack: (slot: number, pack: FinishedPack) => void;
  #ids: Uint8Array = new Uint8Array(8 * ID_SIZE);
  #index: BlobIndex;
  #builder: PackBuilder | undefined;
  #slot = NO_SLOT;
  #stats: BlobStats = noBlobs();

  constructor(codec: Codec, index: BlobIndex, setup: WorkerSetup, onPack: (slot: number, pack: FinishedPack) => void) {
    this.#codec = codec;
    this.#probe = new CompressionProbe(codec);
    this.#index = index;
    this.#setup = setup;
    this.#slots = new PackSlots(setup.slots, setup.control);
    this.#onPack = onPack;
  }

  /**
   * Saves those blobs that are not known. Hashing several takes half the time of one after the other (`Codec.sha256Each`).
   * Returns their ids, 32 bytes each, in memory that the next call overwrites.
   */
  save(blobs: readonly Uint8Array[]): Uint8Array {
    this.#slots.throwIfAborted();
    this.#ids = withRoom(this.#ids, blobs.length * ID_SIZE);
    const ids = this.#ids.subarray(0, blobs.length * ID_SIZE);
    this.#codec.sha256Each(blobs, ids);
    for (const [at, plain] of blobs.entries()) this.#storeNew(ids.subarray(at * ID_SIZE, (at + 1) * ID_SIZE), plain);
    return ids;
  }

  throwIfAborted(): void {
    this.#slots.throwIfAborted();
  }

  /** Whether the repository has this blob, or is just getting it. */
  knows(id: Uint8Array): boolean {
    return this.#index.has(BLOB_DATA, id);
  }

  moveIndex(index: BlobIndex): void {
    this.#index = index;
  }

  /** What was stored since the last call. */
  takeStats(): BlobStats {
    const stats = this.#stats;
    this.#stats = noBlobs();
    return stats;
  }

  /** Ends the run: hands over the unfinished pack. */
  flush(): FlushResult['leftover'] {
    const slot = this.#slot;
    this.#slot = NO_SLOT;
    if (slot === NO_SLOT || this.#builder === undefined) return undefined;
    return { slot, ...this.#builder.handOver() };
  }

  #storeNew(id: Uint8Array, plain: Uint8Array): void {
    if (this.#index.claim(BLOB_DATA, id) < 0) return;
    const builder = this.#openPack();
    const { level } = this.#setup;
    const compress = level !== undefined && this.#probe.isWorthwhile(plain);
    const stored = compress ? builder.addCompressed(BLOB_DATA, id, plain, level) : builder.addRaw(BLOB_DATA, id, plain);
    this.#stats.dataBlobs++;
    this.#stats.dataAdded += plain.length;
    this.#stats.dataAddedPacked += stored.packedLength;
    if (builder.sizeBytes >= this.#setup.packSizeBytes || builder.blobCount >= MAX_BLOBS_PER_PACK) {
      const slot = this.#slot;
      this.#slot = NO_SLOT;
      this.#onPack(slot, builder.finish());
    }
  }

  #openPack(): PackBuilder {
    if (this.#slot !== NO_SLOT && this.#builder !== undefined) return this.#builder;
    this.#slot = this.#slots.take();
    const buffer = this.#slots.buffer(this.#slot);
    const { key, verify } = this.#setup;
    if (this.#builder === undefined) this.#builder = new PackBuilder(this.#codec, key, buffer, { verify });
    else this.#builder.restart(buffer);
    return this.#builder;
  }
}

function noBlobs(): BlobStats {
  return { dataBlobs: 0, dataAdded: 0, dataAddedPacked: 0 };
}
