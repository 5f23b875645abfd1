// Copies blobs from packs that go into new ones, as they are sealed: neither key nor content changes, so there is nothing
// to gain from sealing or compressing anew. Each is opened, decompressed and hashed first: what is damaged is not
// copied. Synchronous, for the threads.
import { type Codec, SEAL_OVERHEAD, type SealKey } from '../../kernels/codec.ts';
import { withRoom } from '../../base/bytes.ts';
import { isCairnError } from '../../base/errors.ts';
import { BlobDecoder } from '../blob-codec.ts';
import { BLOB_DATA, BLOB_TREE, type BlobIndex, type BlobTypeBit } from '../index/blob-index.ts';
import { type FinishedPack, MAX_BLOBS_PER_PACK, PACK_HEADER_ROOM, PackBuilder } from '../pack-builder.ts';

export interface CopyRules {
  readonly packSizeBytes: number;
  /** Types whose uncompressed blobs are compressed. */
  readonly compresses: readonly BlobTypeBit[];
}

/** Blobs of one type, and the bytes of the pack that hold them, from `start` on. */
export interface CopyJob {
  readonly type: BlobTypeBit;
  readonly records: Uint32Array;
  readonly start: number;
  readonly bytes: Uint8Array;
}

/** A pack whose bytes are the beginning of `buffer`. */
export type OnPack = (pack: FinishedPack, buffer: Uint8Array<ArrayBuffer>) => void;

/** Blobs that fill no pack: the beginning of `buffer`, which belongs to who gets it. */
export interface Leftover {
  readonly type: BlobTypeBit;
  readonly buffer: Uint8Array<ArrayBuffer>;
  readonly sizeBytes: number;
  readonly header: Uint8Array;
  readonly blobCount: number;
}

/** zstd's own default, as restic's `auto`. */
const LEVEL = 3;
/** Beyond the size of a pack, for the blob that fills it: no chunk is larger. */
const BLOB_ROOM = 8 * 1024 * 1024 + SEAL_OVERHEAD;

export class BlobCopier {
  readonly #codec: Codec;
  readonly #key: SealKey;
  readonly #index: BlobIndex;
  readonly #rules: CopyRules;
  readonly #onPack: OnPack;
  readonly #decoder: BlobDecoder;
  readonly #open = new Map<BlobTypeBit, OpenPack>();
  /** One for each type, used for pack after pack. */
  readonly #builders = new Map<BlobTypeBit, PackBuilder>();
  readonly #spare: Uint8Array<ArrayBuffer>[] = [];
  #scratch: Uint8Array = new Uint8Array(0);

  constructor(codec: Codec, key: SealKey, index: BlobIndex, rules: CopyRules, onPack: OnPack) {
    this.#codec = codec;
    this.#key = key;
    this.#index = index;
    this.#rules = rules;
    this.#onPack = onPack;
    this.#decoder = new BlobDecoder(codec, key);
  }

  /** Copies what is good; returns the records of what is not. */
  copy({ type, records, start, bytes }: CopyJob): number[] {
    const damaged: number[] = [];
    for (const record of records) {
      const location = this.#index.location(record);
      const offset = (location?.offset ?? 0) - start;
      const sealed = bytes.subarray(offset, offset + (location?.length ?? 0));
      if (!this.#copyBlob(type, record, sealed, location?.uncompressedLength ?? 0)) damaged.push(record);
    }
    return damaged;
  }

  /** Takes back the buffer of a pack that is stored. */
  reuse(buffer: Uint8Array<ArrayBuffer>): void {
    this.#spare.push(buffer);
  }

  /** What is left when everything is copied. The copier is then empty. */
  flush(): Leftover[] {
    const leftovers = [...this.#open].flatMap(([type, { builder, buffer }]) =>
      builder.blobCount === 0
        ? []
        : [{ type, buffer, sizeBytes: builder.sizeBytes, header: builder.header, blobCount: builder.blobCount }],
    );
    this.#open.clear();
    return leftovers;
  }

  #copyBlob(type: BlobTypeBit, record: number, sealed: Uint8Array, plainLength: number): boolean {
    const id = this.#index.idBytes(record);
    try {
      if (plainLength === 0 && sealed.length > SEAL_OVERHEAD && this.#rules.compresses.includes(type)) {
        const plain = this.#decoder.decode(sealed, id, plainLength);
        const compressed = this.#compress(plain);
        this.#room(type, compressed.length).builder.addEncoded(type, id, compressed, plain.length);
      } else {
        // Opened where it then lies: what the new pack has is what was verified.
        this.#room(type, sealed.length).builder.addCopy(type, id, sealed, plainLength);
      }
    } catch (error) {
      if (isCairnError(error)) return false;
      throw error;
    }
    this.#finishIfFull(type);
    return true;
  }

  /** Also where that makes it larger by a few bytes, as restic does: otherwise the next prune would try again. */
  #compress(plain: Uint8Array): Uint8Array {
    this.#scratch = withRoom(this.#scratch, plain.length + (plain.length >>> 7) + 1024);
    return this.#scratch.subarray(0, this.#codec.compressInto(plain, this.#scratch, LEVEL));
  }

  #finishIfFull(type: BlobTypeBit): void {
    const { sizeBytes = 0, blobCount = 0 } = this.#open.get(type)?.builder ?? {};
    if (sizeBytes >= this.#rules.packSizeBytes || blobCount >= MAX_BLOBS_PER_PACK) this.#finish(type);
  }

  #room(type: BlobTypeBit, sealedBytes: number): OpenPack {
    const open = this.#open.get(type);
    if (open === undefined) return this.#begin(type, sealedBytes);
    if (open.builder.hasRoomFor(sealedBytes)) return open;
    // A blob that no chunker of ours makes, such as the tree of a huge folder: it gets a pack of its own.
    if (open.builder.blobCount > 0) this.#finish(type);
    return this.#begin(type, sealedBytes);
  }

  #begin(type: BlobTypeBit, sealedBytes: number): OpenPack {
    const wanted = this.#rules.packSizeBytes + BLOB_ROOM + PACK_HEADER_ROOM;
    const needed = sealedBytes + SEAL_OVERHEAD + PACK_HEADER_ROOM;
    const buffer = this.#buffer(Math.max(wanted, needed));
    const known = this.#builders.get(type);
    const builder = known ?? new PackBuilder(this.#codec, this.#key, buffer, { verify: true });
    if (known === undefined) this.#builders.set(type, builder);
    else builder.restart(buffer);
    const open = { builder, buffer };
    this.#open.set(type, open);
    return open;
  }

  #buffer(size: number): Uint8Array<ArrayBuffer> {
    const at = this.#spare.findIndex((buffer) => buffer.length >= size);
    return at < 0 ? new Uint8Array(size) : (this.#spare.splice(at, 1)[0] ?? new Uint8Array(size));
  }

  #finish(type: BlobTypeBit): void {
    const open = this.#open.get(type);
    this.#open.delete(type);
    if (open !== undefined) this.#onPack(open.builder.finish(), open.buffer);
  }
}

interface OpenPack {
  readonly builder: PackBuilder;
  readonly buffer: Uint8Array<ArrayBuffer>;
}

/** Joins what the threads have left into packs. */
export function packLeftovers(
  codec: Codec,
  key: SealKey,
  leftovers: readonly Leftover[],
  packSizeBytes: number,
  onPack: OnPack,
): void {
  for (const type of [BLOB_TREE, BLOB_DATA] as const) {
    let open: OpenPack | undefined;
    for (const leftover of leftovers.filter((one) => one.type === type)) {
      const { buffer, sizeBytes, header, blobCount } = leftover;
      if (open !== undefined && isFull(open.builder, leftover, packSizeBytes)) {
        onPack(open.builder.finish(), open.buffer);
        open = undefined;
      }
      // The first one stays where it lies.
      open ??= { builder: new PackBuilder(codec, key, buffer), buffer };
      open.builder.addSealed(buffer.subarray(0, sizeBytes), header, blobCount);
    }
    if (open !== undefined) onPack(open.builder.finish(), open.buffer);
  }
}

function isFull(builder: PackBuilder, { sizeBytes, blobCount }: Leftover, packSizeBytes: number): boolean {
  return (
    builder.sizeBytes >= packSizeBytes ||
    builder.blobCount + blobCount > MAX_BLOBS_PER_PACK ||
    !builder.hasRoomFor(sizeBytes)
  );
}
