import { availableParallelism } from 'node:os';
import type { Worker } from 'node:worker_threads';
import { startWorker } from '../../base/start-worker.ts';
import { type ArchiveCodec, BLOCK_BYTES } from '../codec.ts';
import { allocateRing, BlockRing, type RingMemory } from '../worker/block-ring.ts';
import { BlockPacker } from '../worker/compress-block.ts';
import type { CompressSetup } from '../worker/messages.ts';

/** The main thread reads, hashes and encrypts; more threads than this would wait for it. */
const MAX_WORKERS = 8;
/**
 * Blocks in the ring beyond one for each thread. Without them a thread runs dry while another waits for a processor, or
 * the main thread for the storage.
 */
const WAITING_BLOCKS = 7;

/**
 * Compresses blocks in their order: in worker threads, which start with the first block that is not the only one, and in the
 * main thread when it has nothing better to do. So all processors are busy whichever side has more work.
 */
export class BlockCompressor implements AsyncDisposable {
  readonly #codec: ArchiveCodec;
  readonly #workerCount: number;
  readonly #memory: RingMemory;
  readonly #ring: BlockRing;
  #packer: BlockPacker | undefined;
  #workers: Worker[] = [];
  #failure: { readonly error: unknown } | undefined;
  #submitted = 0;
  #taken = 0;

  /** `jobs`: threads in all, the main one included. */
  constructor(codec: ArchiveCodec, jobs: number = availableParallelism()) {
    this.#codec = codec;
    this.#workerCount = codec === 'none' ? 0 : Math.min(Math.max(0, jobs - 1), MAX_WORKERS);
    this.#memory = allocateRing(codec === 'none' ? 1 : this.#workerCount + 1 + WAITING_BLOCKS);
    this.#ring = new BlockRing(this.#memory);
  }

  /** Memory to fill for the next `submit`; `undefined` until a block was taken. */
  get room(): Uint8Array | undefined {
    const isFull = this.#submitted - this.#taken === this.#ring.slots;
    return isFull ? undefined : this.#ring.memoryOf(this.#submitted).subarray(0, BLOCK_BYTES);
  }

  /** Whether all blocks that were submitted were taken. */
  get isEmpty(): boolean {
    return this.#submitted === this.#taken;
  }

  /** Has the first `size` bytes, at least one, of `room` compressed. `last`: no other block follows. */
  submit(size: number, { last }: { readonly last: boolean }): void {
    const number = this.#submitted++;
    this.#ring.submit(number, size);
    if (!last && this.#workers.length < this.#workerCount) this.#start();
  }

  /** The next block, compressed, if it is there; its memory is valid until `release`. */
  peek(): Uint8Array | undefined {
    return this.isEmpty ? undefined : this.#ring.packed(this.#taken);
  }

  /** Gives the memory of the next block back. */
  release(): void {
    this.#taken++;
  }

  /** Compresses one block in this thread, or waits until the next one is there. Throws where a worker thread broke down. */
  async help(): Promise<void> {
    const block = this.#ring.claim();
    if (block === undefined) return this.#untilNext();
    this.#packer ??= new BlockPacker(this.#codec);
    this.#ring.finish(block, this.#packer.pack(block));
  }

  async #untilNext(): Promise<void> {
    while (this.peek() === undefined) {
      if (this.#failure !== undefined) throw this.#failure.error;
      await this.#ring.changed(this.#taken);
    }
  }

  #start(): void {
    const workerData: CompressSetup = { codec: this.#codec, ring: this.#memory };
    while (this.#workers.length < this.#workerCount) {
      const worker = startWorker('archives/worker/worker-main', {
        workerData,
        resourceLimits: { maxYoungGenerationSizeMb: 2 },
      });
      worker.on('error', (error) => this.#fail(error));
      worker.on('exit', () => this.#fail(new Error('a worker thread of the archive ended')));
      this.#workers.push(worker);
    }
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#ring.wake();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const workers = this.#workers;
    this.#workers = [];
    for (const worker of workers) await worker.terminate();
  }
}
