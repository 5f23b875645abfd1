// Copies blobs from packs that go into new ones, as they are sealed: neither key nor content changes, so there is nothing
// to gain from sealing or compressing anew. Each is opened, decompressed and hashed first: what is damaged is not
// copied. Synchronous, for the threads.
import { type Codec, SEAL_OVERHEAD, type SealKey } from '../../kernels/codec.ts';
import { withRoom } from '../../base/bytes.ts';
import { isCairnError } from '../../base/errors.ts';
import { BlobDecoder } from '../blob-codec.ts';
import { BLOB_DATA, BLOB_TREE, type BlobIndex, type BlobTypeBit } from '../index/blob-index.ts';
import { PackBuilder } from '../pack-builder.ts';
import { type OnPack, PackBuffers, PackFiller, type UnfilledPack } from '../pack-filler.ts';

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

/** Blobs that fill no pack. */
export interface Leftover extends UnfilledPack {
  readonly type: BlobTypeBit;
}

/** zstd's own default, as restic's `auto`. */
const LEVEL = 3;

export class BlobCopier {
  readonly #codec: Codec;
  readonly #index: BlobIndex;
  readonly #rules: CopyRules;
  readonly #decoder: BlobDecoder;
  readonly #buffers: PackBuffers;
  readonly #trees: PackFiller;
  readonly #data: PackFiller;
  #scratch: Uint8Array = new Uint8Array(0);

  constructor(codec: Codec, key: SealKey, index: BlobIndex, rules: CopyRules, onPack: OnPack) {
    this.#codec = codec;
    this.#index = index;
    this.#rules = rules;
    this.#decoder = new BlobDecoder(codec, key);
    this.#buffers = new PackBuffers(rules.packSizeBytes);
    const filler = (): PackFiller => {
      const builder = new PackBuilder(codec, key, new Uint8Array(0), { verify: true });
      return new PackFiller(builder, rules.packSizeBytes, this.#buffers, onPack);
    };
    this.#trees = filler();
    this.#data = filler();
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

  /** Whether a pack of data is begun and not full. */
  get isOpen(): boolean {
    return this.#data.isOpen;
  }

  /** What is left when everything is copied. The copier is then empty. */
  flush(): Leftover[] {
    return [...leftoverOf(BLOB_TREE, this.#trees.flush()), ...leftoverOf(BLOB_DATA, this.#data.flush())];
  }

  #copyBlob(type: BlobTypeBit, record: number, sealed: Uint8Array, plainLength: number): boolean {
    const id = this.#index.idBytes(record);
    const filler = type === BLOB_TREE ? this.#trees : this.#data;
    try {
      if (plainLength === 0 && sealed.length > SEAL_OVERHEAD && this.#rules.compresses.includes(type)) {
        const plain = this.#decoder.decode(sealed, id, plainLength);
        const compressed = this.#compress(plain);
        filler.roomFor(compressed.length).addEncoded(type, id, compressed, plain.length);
      } else {
        // Opened where it then lies: what the new pack has is what was verified.
        filler.roomFor(sealed.length).addCopy(type, id, sealed, plainLength);
      }
    } catch (error) {
      if (isCairnError(error)) return false;
      throw error;
    }
    filler.added();
    return true;
  }

  /** Also where that makes it larger by a few bytes, as restic does: otherwise the next prune would try again. */
  #compress(plain: Uint8Array): Uint8Array {
    this.#scratch = withRoom(this.#scratch, plain.length + (plain.length >>> 7) + 1024);
    return this.#scratch.subarray(0, this.#codec.compressInto(plain, this.#scratch, LEVEL));
  }
}

function leftoverOf(type: BlobTypeBit, open: UnfilledPack | undefined): Leftover[] {
  return open === undefined ? [] : [{ type, ...open }];
}
