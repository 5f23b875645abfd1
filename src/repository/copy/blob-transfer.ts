import { availableParallelism } from 'node:os';
import { mapConcurrent } from '../../base/concurrency.ts';
import { CairnError, hasCode } from '../../base/errors.ts';
import { ID_SIZE } from '../../base/ids.ts';
import { readBlob } from '../blob-reader.ts';
import { type CompressionLevel, zstdLevel } from '../compression.ts';
import { BLOB_TREE, type BlobTypeBit } from '../index/blob-index.ts';
import { storeJoined } from '../join-packs.ts';
import { objectName } from '../layout.ts';
import { PackWriter } from '../pack-writer.ts';
import { type CopyDamage, saysLost } from './copy-damage.ts';
import { type CopyLanes, inlineLanes, WorkerLanes } from './copy-lanes.ts';
import type { CopierSetup, CopyJob, SealedJob } from './messages.ts';
import { type PackRead, planReads, type ReadLimits } from './pack-reads.ts';
import type { CopySide } from './source-trees.ts';
import { saysUnreadable } from '../../storage/device-error.ts';

/** restic's target: a pack is complete with the blob that reaches it. */
const DEFAULT_PACK_BYTES = 16 * 1024 * 1024;
/** Starting threads takes longer than copying this much here. */
const SMALL_BYTES = 4 * 1024 * 1024;
/** A request over a network costs more than memory: a usual pack, and what it is over its target, is one. */
const LONGEST_READ = 18 * 1024 * 1024;
/** On this machine short reads are as fast, and hold less. */
const LONGEST_LOCAL_READ = 6 * 1024 * 1024;
/** More of them would only wait, and hold memory. */
const MOST_AT_ONCE = 6;
/** Another request costs more than fetching and dropping this. */
const GAP = 128 * 1024;
/** An index file is stored after this much or so long, however few blobs it has: an interrupted run goes on from there. */
const INDEX_EVERY_BYTES = 1024 * 1024 * 1024;
const INDEX_EVERY_MS = 2 * 60_000;

export interface TransferOptions {
  /** For data that is not compressed in the source. */
  readonly compression?: CompressionLevel | undefined;
  readonly packSizeBytes?: number | undefined;
  /** Open and hash every blob again as it was sealed; by default where the storage is slower than the processor. */
  readonly verifyWrites?: boolean | undefined;
  readonly jobs?: number | undefined;
  /** Bytes that will be copied in all, as far as that is known. */
  readonly expectedBytes: number;
  readonly damage: CopyDamage;
  readonly signal?: AbortSignal | undefined;
  /** Rejects where the lock of the target is lost. */
  readonly assertHeld?: (() => Promise<void>) | undefined;
  /** Told of sealed bytes of the source that are done with. */
  readonly onBytes?: ((bytes: number) => void) | undefined;
}

/** Brings blobs from one repository into another: reads, has them sealed again, stores packs, lists them. */
export class BlobTransfer implements AsyncDisposable {
  readonly #source: CopySide;
  readonly #target: CopySide;
  readonly #options: TransferOptions;
  readonly #lanes: CopyLanes;
  readonly #packs: PackWriter;
  readonly #packSizeBytes: number;
  readonly #atOnce: number;
  readonly #limits: ReadLimits;
  #bytesSinceIndex = 0;
  #indexedAt = performance.now();
  #packCount = 0;
  #storedBytes = 0;

  constructor(source: CopySide, target: CopySide, options: TransferOptions) {
    this.#source = source;
    this.#target = target;
    this.#options = options;
    const workers = options.jobs ?? availableParallelism();
    const setup = setupOf(source, target, options);
    this.#packSizeBytes = setup.packSizeBytes;
    this.#lanes =
      options.expectedBytes <= SMALL_BYTES
        ? inlineLanes(target.repository.codec, setup)
        : new WorkerLanes(setup, workers);
    this.#packs = new PackWriter(target.repository, { signal: options.signal, assertHeld: options.assertHeld });
    // One for each worker, one that is being read, one that is being stored: nobody waits for the others.
    this.#atOnce = Math.min(MOST_AT_ONCE, this.#lanes.size + 2);
    const isRemote = source.repository.storage.features.remote;
    this.#limits = { bytes: isRemote ? LONGEST_READ : LONGEST_LOCAL_READ, gap: GAP, blobs: 4096 };
  }

  get packCount(): number {
    return this.#packCount;
  }

  /** Bytes of the packs that were stored. */
  get storedBytes(): number {
    return this.#storedBytes;
  }

  /** Copies blobs of one type; they are listed after `flush`. What is lost goes to `damage`. */
  async copy(type: BlobTypeBit, records: Uint32Array): Promise<void> {
    const { signal } = this.#options;
    const reads = planReads(this.#source.index, records, this.#limits);
    await mapConcurrent(reads, { limit: this.#atOnce, signal }, (read) => this.#copyRead(type, read));
    const open = await this.#lanes.flush();
    await storeJoined(open, this.#packSizeBytes, this.#counted(), this.#target.repository);
    for (const { buffer } of open) this.#lanes.recycle(buffer.buffer);
    this.#throwFailure();
  }

  /** Waits until everything is stored and listed. Throws the first failure; then nothing may refer to it. */
  flush(): Promise<void> {
    this.#startIndexFile();
    return this.#packs.flush();
  }

  /** Lists what is stored when the rest failed, so that the next run goes on from there. */
  async saveProgress(): Promise<void> {
    await this.#packs.saveProgress();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#lanes[Symbol.asyncDispose]();
  }

  async #copyRead(type: BlobTypeBit, read: PackRead): Promise<void> {
    const bytes = await this.#read(read);
    const bad = bytes === undefined ? [...read.records.keys()] : await this.#run(this.#jobOf(type, read, bytes));
    for (const position of bad) await this.#copyOther(type, read.records[position] ?? 0);
    this.#options.onBytes?.(this.#bytesOf(read));
    this.#bytesSinceIndex += read.length;
    const isDue = this.#bytesSinceIndex >= INDEX_EVERY_BYTES || performance.now() - this.#indexedAt >= INDEX_EVERY_MS;
    if (!isDue) return;
    this.#startIndexFile();
    await this.#packs.saveIndex();
  }

  /** `undefined` where the pack is not there, or too short, or its device cannot read it: each blob is then tried alone. */
  async #read({ packNumber, offset, length }: PackRead): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const { repository, index } = this.#source;
    const { signal } = this.#options;
    try {
      return await repository.storage.read(objectName('pack', index.packId(packNumber)), { offset, length, signal });
    } catch (error) {
      if (hasCode(error, 'OBJECT_MISSING') || hasCode(error, 'OBJECT_TRUNCATED') || saysUnreadable(error))
        return undefined;
      throw error;
    }
  }

  #jobOf(type: BlobTypeBit, { records, offset }: PackRead, bytes: Uint8Array<ArrayBuffer>): SealedJob {
    const { index } = this.#source;
    const ids = new Uint8Array(records.length * ID_SIZE);
    const places = new Uint32Array(records.length * 3);
    for (const [at, record] of records.entries()) {
      const location = index.location(record);
      ids.set(index.idBytes(record), at * ID_SIZE);
      if (location === undefined) continue;
      places.set([location.offset - offset, location.length, location.uncompressedLength], at * 3);
    }
    return { kind: 'sealed', type, bytes, ids, places };
  }

  async #run(job: CopyJob): Promise<readonly number[]> {
    const { packs, bad } = await this.#lanes.copy(job);
    for (const { pack, buffer } of packs) {
      await this.#counted().store(pack, buffer);
      this.#lanes.recycle(buffer.buffer);
    }
    this.#throwFailure();
    return bad;
  }

  /** A transfer may have gone wrong, the cache may be bad, or another pack may have a good copy. */
  async #copyOther(type: BlobTypeBit, record: number): Promise<void> {
    const { repository, index } = this.#source;
    const { signal, damage } = this.#options;
    const name = type === BLOB_TREE ? 'tree' : 'data';
    const id = index.blobId(record);
    let plain: Uint8Array;
    try {
      plain = await readBlob(repository, index, name, id, { signal });
    } catch (error) {
      if (!saysLost(error)) throw error;
      damage.add(name, id, error);
      return;
    }
    await this.#run({ kind: 'plain', type, id: index.idBytes(record).slice(), plain });
  }

  #startIndexFile(): void {
    this.#bytesSinceIndex = 0;
    this.#indexedAt = performance.now();
  }

  #bytesOf({ records }: PackRead): number {
    const { index } = this.#source;
    return records.reduce((sum, record) => sum + (index.location(record)?.length ?? 0), 0);
  }

  #counted(): Pick<PackWriter, 'store'> {
    return {
      store: async (pack, bytes) => {
        await this.#packs.store(pack, bytes);
        this.#packCount++;
        this.#storedBytes += pack.sizeBytes;
      },
    };
  }

  #throwFailure(): void {
    if (this.#packs.failure !== undefined) throw this.#packs.failure.error;
  }
}

function setupOf(source: CopySide, target: CopySide, options: TransferOptions): CopierSetup {
  const { version } = target.repository.config;
  const packSizeBytes = options.packSizeBytes ?? DEFAULT_PACK_BYTES;
  if (packSizeBytes < 1) throw new CairnError('ARGUMENT_INVALID', 'a pack has at least one byte');
  return {
    sourceKey: source.repository.key,
    targetKey: target.repository.key,
    version,
    level: version === 1 ? undefined : zstdLevel(options.compression ?? 'auto'),
    packSizeBytes,
    verify: options.verifyWrites ?? target.repository.storage.features.remote,
  };
}
