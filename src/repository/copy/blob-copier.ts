import { ID_SIZE } from '../../base/ids.ts';
import { isCairnError } from '../../base/errors.ts';
import type { Codec } from '../../kernels/codec.ts';
import { BlobDecoder } from '../blob-codec.ts';
import { CompressionProbe, zstdLevel } from '../compression.ts';
import { BLOB_TREE, type BlobTypeBit } from '../index/blob-index.ts';
import { PackBuilder } from '../pack-builder.ts';
import { PackBuffers, PackFiller, type UnfilledPack } from '../pack-filler.ts';
import type { CopierSetup, CopyAnswer, CopyJob, FilledPack, SealedJob } from './messages.ts';

/**
 * Turns sealed blobs of one repository into packs of another: each is authenticated, decompressed and compared with its
 * id, and what is compressed already is sealed again as it is. One type at a time: `flush` in between. Synchronous.
 */
export class BlobCopier {
  readonly #setup: CopierSetup;
  readonly #decoder: BlobDecoder;
  readonly #probe: CompressionProbe;
  readonly #buffers: PackBuffers;
  readonly #filler: PackFiller;
  #filled: FilledPack[] = [];

  constructor(codec: Codec, setup: CopierSetup) {
    this.#setup = setup;
    this.#decoder = new BlobDecoder(codec, setup.sourceKey);
    this.#probe = new CompressionProbe(codec);
    this.#buffers = new PackBuffers(setup.packSizeBytes);
    const builder = new PackBuilder(codec, setup.targetKey, new Uint8Array(0), { verify: setup.verify });
    this.#filler = new PackFiller(builder, setup.packSizeBytes, this.#buffers, (pack, buffer) =>
      this.#filled.push({ pack, buffer }),
    );
  }

  /** Gives memory of a pack back that was stored. */
  addSpare(buffer: ArrayBuffer): void {
    this.#buffers.giveBack(buffer);
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
    return this.#filler.flush();
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
    this.#filler.roomFor(encoded.length).addEncoded(type, id, encoded, plainLength);
    this.#filler.added();
  }

  #store(type: BlobTypeBit, id: Uint8Array, plain: Uint8Array): void {
    const builder = this.#filler.roomFor(plain.length);
    const level = this.#levelFor(type, plain);
    if (level === undefined) builder.addRaw(type, id, plain);
    else builder.addCompressed(type, id, plain, level);
    this.#filler.added();
  }

  /** Trees are always compressed where the version allows it: prune would rewrite packs with raw ones. */
  #levelFor(type: BlobTypeBit, plain: Uint8Array): number | undefined {
    const { version, level } = this.#setup;
    if (version === 1) return undefined;
    if (type === BLOB_TREE) return level ?? zstdLevel('auto');
    return level !== undefined && this.#probe.isWorthwhile(plain) ? level : undefined;
  }
}
