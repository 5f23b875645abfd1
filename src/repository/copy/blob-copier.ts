import { ID_SIZE } from '../../base/ids.ts';
import { isCairnError } from '../../base/errors.ts';
import type { Codec } from '../../kernels/codec.ts';
import { BlobDecoder } from '../blob-codec.ts';
import { CompressionProbe, zstdLevel } from '../compression.ts';
import { BLOB_TREE, type BlobTypeBit } from '../index/blob-index.ts';
import { MAX_BLOBS_PER_PACK, PACK_HEADER_ROOM, PackBuilder } from '../pack-builder.ts';
import type { CopierSetup, CopyAnswer, CopyJob, FilledPack, SealedJob, UnfilledPack } from './messages.ts';

/** The largest chunk that any chunker here cuts, sealed. */
const USUAL_BLOB_BYTES = 8 * 1024 * 1024 + 64;

/** Room of a pack's buffer; larger ones are for a single large blob. */
function packBufferSize(packSizeBytes: number): number {
  return packSizeBytes + USUAL_BLOB_BYTES + PACK_HEADER_ROOM;
}

/**
 * Turns sealed blobs of one repository into packs of another: each is authenticated, decompressed and compared with its
 * id, and what is compressed already is sealed again as it is. One type at a time: `flush` in between. Synchronous.
 */
export class BlobCopier {
  readonly #setup: CopierSetup;
  readonly #decoder: BlobDecoder;
  readonly #builder: PackBuilder;
  readonly #probe: CompressionProbe;
  readonly #spares: ArrayBuffer[] = [];
  #buffer: Uint8Array<ArrayBuffer> | undefined;
  #filled: FilledPack[] = [];

  constructor(codec: Codec, setup: CopierSetup) {
    this.#setup = setup;
    this.#decoder = new BlobDecoder(codec, setup.sourceKey);
    this.#builder = new PackBuilder(codec, setup.targetKey, new Uint8Array(0), { verify: setup.verify });
    this.#probe = new CompressionProbe(codec);
  }

  /** Gives memory of a pack back that was stored. */
  addSpare(buffer: ArrayBuffer): void {
    if (buffer.byteLength === packBufferSize(this.#setup.packSizeBytes)) this.#spares.push(buffer);
  }

  copy(job: CopyJob): CopyAnswer {
    const bad = job.kind === 'sealed' ? this.#copySealed(job) : [];
    if (job.kind === 'plain') this.#store(job.type, job.id, job.plain);
    const packs = this.#filled;
    this.#filled = [];
    return { packs, bad };
  }

  /** Hands over the pack that is not full. */
  flush(): UnfilledPack | undefined {
    const buffer = this.#buffer;
    this.#buffer = undefined;
    if (buffer === undefined) return undefined;
    const { sizeBytes, header, blobCount } = this.#builder;
    return { buffer, sizeBytes, header, blobCount };
  }

  #copySealed({ type, bytes, ids, places }: SealedJob): number[] {
    const bad: number[] = [];
    for (let at = 0; at * 3 < places.length; at++) {
      const [offset = 0, length = 0, plainLength = 0] = places.subarray(at * 3, at * 3 + 3);
      const id = ids.subarray(at * ID_SIZE, (at + 1) * ID_SIZE);
      const plain = this.#open(bytes.subarray(offset, offset + length), id, plainLength);
      if (plain === undefined) bad.push(at);
      else if (plainLength > 0 && this.#setup.version === 2) this.#storeEncoded(type, id, plainLength);
      else this.#store(type, id, plain);
    }
    return bad;
  }

  /** The plaintext, or `undefined` where this copy of the blob is damaged. */
  #open(sealed: Uint8Array, id: Uint8Array, plainLength: number): Uint8Array | undefined {
    try {
      return this.#decoder.decode(sealed, id, plainLength);
    } catch (error) {
      if (!isCairnError(error)) throw error;
      return undefined;
    }
  }

  #storeEncoded(type: BlobTypeBit, id: Uint8Array, plainLength: number): void {
    const { encoded } = this.#decoder;
    this.#makeRoom(encoded.length);
    this.#builder.addEncoded(type, id, encoded, plainLength);
    this.#finishIfFull();
  }

  #store(type: BlobTypeBit, id: Uint8Array, plain: Uint8Array): void {
    this.#makeRoom(plain.length);
    const level = this.#levelFor(type, plain);
    if (level === undefined) this.#builder.addRaw(type, id, plain);
    else this.#builder.addCompressed(type, id, plain, level);
    this.#finishIfFull();
  }

  /** Trees are always compressed where the version allows it: prune would rewrite packs with raw ones. */
  #levelFor(type: BlobTypeBit, plain: Uint8Array): number | undefined {
    const { version, level } = this.#setup;
    if (version === 1) return undefined;
    if (type === BLOB_TREE) return level ?? zstdLevel('auto');
    return level !== undefined && this.#probe.isWorthwhile(plain) ? level : undefined;
  }

  #makeRoom(bytes: number): void {
    if (this.#buffer !== undefined && !this.#builder.hasRoomFor(bytes)) this.#finish();
    if (this.#buffer !== undefined) return;
    const usual = packBufferSize(this.#setup.packSizeBytes);
    const wanted = bytes + 64 + PACK_HEADER_ROOM;
    this.#buffer = new Uint8Array(
      wanted > usual ? new ArrayBuffer(wanted) : (this.#spares.pop() ?? new ArrayBuffer(usual)),
    );
    this.#builder.restart(this.#buffer);
  }

  #finishIfFull(): void {
    const { sizeBytes, blobCount } = this.#builder;
    if (sizeBytes >= this.#setup.packSizeBytes || blobCount >= MAX_BLOBS_PER_PACK) this.#finish();
  }

  #finish(): void {
    if (this.#buffer !== undefined) this.#filled.push({ pack: this.#builder.finish(), buffer: this.#buffer });
    this.#buffer = undefined;
  }
}
