import { SEAL_OVERHEAD } from '../kernels/codec.ts';
import type { OpenPack } from './join-packs.ts';
import { type FinishedPack, MAX_BLOBS_PER_PACK, PACK_HEADER_ROOM, type PackBuilder } from './pack-builder.ts';

/** Beyond the size of a pack, for the blob that fills it: no chunk is larger. */
const BLOB_ROOM = 8 * 1024 * 1024 + SEAL_OVERHEAD;

/** A pack whose bytes are the beginning of `buffer`, which belongs to who gets it. */
export type OnPack = (pack: FinishedPack, buffer: Uint8Array<ArrayBuffer>) => void;

/** A pack that is not full, in memory that can go to another thread. */
export interface UnfilledPack extends OpenPack {
  readonly buffer: Uint8Array<ArrayBuffer>;
}

/** Memory for packs, used again once they are stored. */
export class PackBuffers {
  readonly #usualBytes: number;
  readonly #spares: ArrayBuffer[] = [];

  constructor(packSizeBytes: number) {
    this.#usualBytes = packSizeBytes + BLOB_ROOM + PACK_HEADER_ROOM;
  }

  /** Memory for a pack that begins with a blob of so many bytes. */
  take(blobBytes: number): Uint8Array<ArrayBuffer> {
    const needed = blobBytes + SEAL_OVERHEAD + PACK_HEADER_ROOM;
    const isUsual = needed <= this.#usualBytes;
    return new Uint8Array(
      isUsual ? (this.#spares.pop() ?? new ArrayBuffer(this.#usualBytes)) : new ArrayBuffer(needed),
    );
  }

  /** Takes back the memory of a pack that is stored; that of a single large blob is not kept. */
  giveBack(buffer: ArrayBuffer): void {
    if (buffer.byteLength === this.#usualBytes) this.#spares.push(buffer);
  }
}

/** Fills one pack after the other with blobs of one type. Synchronous, for threads. */
export class PackFiller {
  readonly #builder: PackBuilder;
  readonly #packSizeBytes: number;
  readonly #buffers: PackBuffers;
  readonly #onPack: OnPack;
  #buffer: Uint8Array<ArrayBuffer> | undefined;

  constructor(builder: PackBuilder, packSizeBytes: number, buffers: PackBuffers, onPack: OnPack) {
    this.#builder = builder;
    this.#packSizeBytes = packSizeBytes;
    this.#buffers = buffers;
    this.#onPack = onPack;
  }

  /**
   * A builder with room for a blob of so many bytes; say `added` when it is in it. A blob that no chunker of ours makes, such
   * as the tree of a huge folder, gets a pack of its own.
   */
  roomFor(blobBytes: number): PackBuilder {
    if (this.#buffer !== undefined && !this.#builder.hasRoomFor(blobBytes)) this.#finish();
    if (this.#buffer === undefined) {
      this.#buffer = this.#buffers.take(blobBytes);
      this.#builder.restart(this.#buffer);
    }
    return this.#builder;
  }

  /** Whether a pack is begun and not full. */
  get isOpen(): boolean {
    return this.#buffer !== undefined;
  }

  added(): void {
    const { sizeBytes, blobCount } = this.#builder;
    if (sizeBytes >= this.#packSizeBytes || blobCount >= MAX_BLOBS_PER_PACK) this.#finish();
  }

  /** Hands over the pack that is not full. */
  flush(): UnfilledPack | undefined {
    const buffer = this.#buffer;
    this.#buffer = undefined;
    const pack = this.#builder.handOver();
    return buffer === undefined || pack.blobCount === 0 ? undefined : { buffer, ...pack };
  }

  #finish(): void {
    const buffer = this.#buffer;
    this.#buffer = undefined;
    // Empty where the only blob that it was made for was damaged.
    if (buffer !== undefined && this.#builder.blobCount > 0) this.#onPack(this.#builder.finish(), buffer);
  }
}
