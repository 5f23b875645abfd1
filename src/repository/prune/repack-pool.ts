// Who copies blobs: threads where there is much to do, this thread where there is little.
import { availableParallelism } from 'node:os';
import type { Worker } from 'node:worker_threads';
import { CairnError } from '../../base/errors.ts';
import { startWorker } from '../../base/start-worker.ts';
import type { BlobIndex } from '../index/blob-index.ts';
import type { FinishedPack } from '../pack-builder.ts';
import type { Repository } from '../repository.ts';
import { sparePacks } from '../spare-packs.ts';
import { BlobCopier, type CopyRules, type Leftover } from './blob-copier.ts';
import type { FromRepackWorker, OwnedCopyJob, RepackWorkerSetup, ToRepackWorker } from './messages.ts';

/** Stores a pack; resolves when its bytes are free again. */
export type StorePack = (pack: FinishedPack, bytes: Uint8Array) => Promise<void>;

export interface RepackPool extends AsyncDisposable {
  /** Jobs it can have at once. */
  readonly capacity: number;
  /**
   * Copies what is good and returns the records of what is not. Waits while there is no room for more packs, which is until one
   * is stored; `held` is given back when the bytes have been used.
   */
  copy(job: OwnedCopyJob, held?: Disposable): Promise<readonly number[]>;
  flush(): Promise<readonly Leftover[]>;
}

export interface RepackPoolOptions {
  readonly rules: CopyRules;
  readonly jobs: number | undefined;
  /** Bytes that will be copied. */
  readonly bytes: number;
  readonly store: StorePack;
}

/** Starting threads takes longer than copying this much here. */
const SMALL_BYTES = 4 * 1024 * 1024;
/** Jobs a worker has: one it does, one that waits, so that it never does. */
const DEPTH = 2;
/** Where a network sets the pace one thread does nearly all, and the packs of the others are mostly memory that nobody has touched. */
const HARDLY_BEGUN = 1;

export function openRepackPool(repository: Repository, index: BlobIndex, options: RepackPoolOptions): RepackPool {
  return options.bytes <= SMALL_BYTES
    ? new InlinePool(repository, index, options)
    : new WorkerPool(repository, index, options);
}

class InlinePool implements RepackPool {
  readonly capacity = 1;
  readonly #copier: BlobCopier;
  readonly #stores: Promise<void>[] = [];

  constructor({ codec, key }: Repository, index: BlobIndex, { rules, store }: RepackPoolOptions) {
    this.#copier = new BlobCopier(codec, key, index, rules, (pack, buffer) => this.#stores.push(store(pack, buffer)));
  }

  async copy(job: OwnedCopyJob, held?: Disposable): Promise<readonly number[]> {
    const damaged = this.#copyNow(job, held);
    await Promise.all(this.#stores.splice(0));
    return damaged;
  }

  async flush(): Promise<readonly Leftover[]> {
    return this.#copier.flush();
  }

  #copyNow(job: OwnedCopyJob, held: Disposable | undefined): readonly number[] {
    using _held = held;
    return this.#copier.copy(job);
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

interface Slot {
  readonly worker: Worker;
  load: number;
  /** It fills a pack, or will with the job that it has. */
  isFilling: boolean;
}

type Answer = Extract<FromRepackWorker, { readonly job: number }>;

class WorkerPool implements RepackPool {
  readonly capacity: number;
  readonly #slots: Slot[];
  readonly #store: StorePack;
  readonly #waiting = new Map<number, PromiseWithResolvers<Answer>>();
  /** Packs that are being stored. */
  readonly #stores = new Set<Promise<void>>();
  /** That are filled or stored at once. */
  readonly #maxPacks: number;
  /** Resolves when a job or a pack is done, for those that wait for room. */
  #change = Promise.withResolvers<void>();
  #nextJob = 0;
  #failure: { readonly error: unknown } | undefined;

  constructor(repository: Repository, index: BlobIndex, { rules, jobs, store }: RepackPoolOptions) {
    const setup: RepackWorkerSetup = { index: index.memory, key: repository.key, rules };
    const workers = jobs ?? availableParallelism();
    this.capacity = workers * DEPTH;
    const { features } = repository.storage;
    this.#maxPacks = workers + sparePacks(features) + (features.remote ? HARDLY_BEGUN : 0);
    this.#store = store;
    this.#slots = Array.from({ length: workers }, () => this.#start(setup));
  }

  async copy(copy: OwnedCopyJob, held?: Disposable): Promise<readonly number[]> {
    using _held = held;
    const slot = await this.#freeSlot();
    try {
      const answer = await this.#ask(slot, { kind: 'copy', job: this.#nextJob++, copy }, [copy.bytes.buffer]);
      if (answer.kind !== 'copied') return [];
      slot.isFilling = answer.isOpen || slot.load > 1;
      return answer.damaged;
    } finally {
      slot.load--;
      this.#changed();
    }
  }

  async flush(): Promise<readonly Leftover[]> {
    const leftovers: Leftover[] = [];
    for (const slot of this.#slots) {
      const answer = await this.#ask(slot, { kind: 'flush', job: this.#nextJob++ });
      if (answer.kind === 'flushed') leftovers.push(...answer.leftovers);
    }
    return leftovers;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#fail(new Error('the prune was stopped'));
    // A pack that is being stored is read from its buffer, which a thread that ends must not have back.
    await Promise.allSettled(this.#stores);
    await Promise.all(this.#slots.map(({ worker }) => worker.terminate()));
  }

  /** A worker that may have another job, which is counted; with its pack there are no more in memory than may be. */
  async #freeSlot(): Promise<Slot> {
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure.error;
      const packs = this.#stores.size + this.#slots.filter(({ isFilling }) => isFilling).length;
      const free = this.#slots.filter(
        ({ load, isFilling }) => load < DEPTH && packs + (isFilling ? 0 : 1) <= this.#maxPacks,
      );
      // The first one: where a network sets the pace one thread does all, and its packs are soon full.
      const [slot] = free.toSorted((a, b) => a.load - b.load);
      if (slot !== undefined) {
        slot.load++;
        slot.isFilling = true;
        return slot;
      }
      await this.#change.promise;
    }
  }

  #changed(): void {
    this.#change.resolve();
    this.#change = Promise.withResolvers<void>();
  }

  async #ask(
    { worker }: Slot,
    message: Extract<ToRepackWorker, { readonly job: number }>,
    transfer: ArrayBuffer[] = [],
  ): Promise<Answer> {
    if (this.#failure !== undefined) throw this.#failure.error;
    const answer = Promise.withResolvers<Answer>();
    this.#waiting.set(message.job, answer);
    try {
      worker.postMessage(message, transfer);
      return await answer.promise;
    } finally {
      this.#waiting.delete(message.job);
    }
  }

  #start(setup: RepackWorkerSetup): Slot {
    const worker = startWorker('repository/prune/worker-main', {
      workerData: setup,
      // Nearly all its memory is outside of the heap; a small young generation keeps it that way.
      resourceLimits: { maxYoungGenerationSizeMb: 4 },
    });
    const slot: Slot = { worker, load: 0, isFilling: false };
    worker.on('message', (message: FromRepackWorker) => this.#receive(message));
    worker.on('error', (error) => this.#fail(error));
    worker.on('exit', (code) => this.#fail(new Error(`a thread of the prune ended with code ${code}`)));
    return slot;
  }

  #receive(message: FromRepackWorker): void {
    switch (message.kind) {
      case 'pack':
        this.#storePack(message.pack, message.buffer);
        return;
      case 'copied':
      case 'flushed':
        this.#waiting.get(message.job)?.resolve(message);
        return;
      case 'failed':
        this.#fail(new CairnError(message.code ?? 'INTERNAL', message.message));
        return;
      default:
        message satisfies never;
    }
  }

  #storePack(pack: FinishedPack, buffer: Uint8Array<ArrayBuffer>): void {
    const run = this.#store(pack, buffer).then(() => {
      // Freed at once, and not used again: kept for one worker, it would lie idle while another one fills a new one.
      buffer.buffer.transfer(0);
      this.#stores.delete(run);
      this.#changed();
    });
    this.#stores.add(run);
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    for (const answer of this.#waiting.values()) answer.reject(error);
    this.#changed();
  }
}
