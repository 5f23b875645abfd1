import { availableParallelism } from 'node:os';
import type { Worker } from 'node:worker_threads';
import { startWorker } from '../../base/start-worker.ts';
import { createCodec } from '../../kernels/codec.ts';
import { type ArchiveCodec, BLOCK_BYTES, BLOCK_ROOM } from '../codec.ts';
import { compressBlock } from '../worker/compress-block.ts';
import type { BlockMemory, CompressAnswer, CompressSetup, CompressTask } from '../worker/messages.ts';

/** The main thread reads, hashes and encrypts, which keeps one processor busy; more threads than this would wait for it. */
const MAX_WORKERS = 8;

export interface Block extends BlockMemory {
  readonly index: number;
}

/**
 * Compresses blocks in worker threads, which start with the first block that is not the only one. At most as many blocks are
 * in flight as there are in `blocks`.
 */
export class BlockCompressor implements AsyncDisposable {
  /** Memory for the caller to fill; which block is free is the caller's to know. */
  readonly blocks: readonly Block[];
  readonly #codec: ArchiveCodec;
  readonly #count: number;
  readonly #waiting = new Map<number, PromiseWithResolvers<number>>();
  #workers: Worker[] = [];
  #next = 0;
  #failure: { readonly error: unknown } | undefined;

  constructor(codec: ArchiveCodec, jobs: number | undefined) {
    this.#codec = codec;
    this.#count = codec === 'none' ? 0 : Math.min(jobs ?? Math.max(1, availableParallelism() - 1), MAX_WORKERS);
    // One more than there are threads is being filled or emptied, and one waits.
    this.blocks = Array.from({ length: this.#count + 2 }, (_, index) => ({
      index,
      plain: new Uint8Array(new SharedArrayBuffer(BLOCK_BYTES)),
      packed: this.#count === 0 ? new Uint8Array(0) : new Uint8Array(new SharedArrayBuffer(BLOCK_ROOM)),
    }));
  }

  /** The compressed bytes of a block; they are in its memory. `only`: no other block follows or came before. */
  async compress(block: Block, size: number, { only }: { readonly only: boolean }): Promise<Uint8Array> {
    if (this.#codec === 'none') return block.plain.subarray(0, size);
    if (only) return block.packed.subarray(0, compressBlock(this.#codec, createCodec(), block, size));
    if (this.#failure !== undefined) throw this.#failure.error;
    if (this.#workers.length === 0) this.#start();
    const answer = Promise.withResolvers<number>();
    this.#waiting.set(block.index, answer);
    const task: CompressTask = { block: block.index, size };
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
    this.#workers[this.#next++ % this.#workers.length]?.postMessage(task);
    return block.packed.subarray(0, await answer.promise);
  }

  #start(): void {
    const setup: CompressSetup = {
      codec: this.#codec,
      blocks: this.blocks.map(({ plain, packed }) => ({ plain, packed })),
    };
    for (let i = 0; i < this.#count; i++) {
      const worker = startWorker('archives/worker/worker-main', {
        workerData: setup,
        resourceLimits: { maxYoungGenerationSizeMb: 2 },
      });
      worker.on('message', ({ block, size }: CompressAnswer) => {
        this.#waiting.get(block)?.resolve(size);
        this.#waiting.delete(block);
      });
      worker.on('error', (error) => this.#fail(error));
      worker.on('exit', () => this.#fail(new Error('a worker thread of the archive ended')));
      this.#workers.push(worker);
    }
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const workers = this.#workers;
    this.#workers = [];
    for (const worker of workers) await worker.terminate();
  }
}
