// Who copies blobs: threads where there is much to do, this thread where there is little.
import { availableParallelism } from 'node:os';
import type { Worker } from 'node:worker_threads';
import { CairnError } from '../../base/errors.ts';
import { startWorker } from '../../base/start-worker.ts';
import type { BlobIndex } from '../index/blob-index.ts';
import type { FinishedPack } from '../pack-builder.ts';
import type { Repository } from '../repository.ts';
import { BlobCopier, type CopyRules, type Leftover } from './blob-copier.ts';
import type { FromRepackWorker, OwnedCopyJob, RepackWorkerSetup, ToRepackWorker } from './messages.ts';

/** Stores a pack; resolves when its bytes are free again. */
export type StorePack = (pack: FinishedPack, bytes: Uint8Array) => Promise<void>;

export interface RepackPool extends AsyncDisposable {
  /** Jobs it can have at once. */
  readonly capacity: number;
  /**
   * Copies what is good and returns the records of what is not, once there is room for more packs. `held` is given back
   * before: packs wait for connections, and those wait for memory while they hand bytes over.
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
  /** Packs of this worker that are being stored. */
  readonly stores: Set<Promise<void>>;
}

type Answer = Extract<FromRepackWorker, { readonly job: number }>;

class WorkerPool implements RepackPool {
  readonly capacity: number;
  readonly #slots: Slot[];
  readonly #store: StorePack;
  readonly #waiting = new Map<number, PromiseWithResolvers<Answer>>();
  #nextJob = 0;
  #failure: { readonly error: unknown } | undefined;

  constructor(repository: Repository, index: BlobIndex, { rules, jobs, store }: RepackPoolOptions) {
    const setup: RepackWorkerSetup = { index: index.memory, key: repository.key, rules };
    const workers = jobs ?? availableParallelism();
    this.capacity = workers * DEPTH;
    this.#store = store;
    this.#slots = Array.from({ length: workers }, () => this.#start(setup));
  }

  async copy(copy: OwnedCopyJob, held?: Disposable): Promise<readonly number[]> {
    // The first one that is free: where a network sets the pace one thread does all, and its packs are soon full.
    const slot = this.#slots.reduce((best, one) => (one.load < best.load ? one : best));
    slot.load++;
    let answer: Answer;
    try {
      answer = await this.#ask(slot, { kind: 'copy', job: this.#nextJob++, copy }, [copy.bytes.buffer]);
    } finally {
      slot.load--;
      held?.[Symbol.dispose]();
    }
    // One pack is on its way while the next is filled; more is not read than can be stored.
    while (slot.stores.size > 1) await Promise.race(slot.stores);
    return answer.kind === 'copied' ? answer.damaged : [];
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
    for (const { stores } of this.#slots) await Promise.allSettled(stores);
    await Promise.all(this.#slots.map(({ worker }) => worker.terminate()));
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
    const slot: Slot = { worker, load: 0, stores: new Set() };
    worker.on('message', (message: FromRepackWorker) => this.#receive(slot, message));
    worker.on('error', (error) => this.#fail(error));
    worker.on('exit', (code) => this.#fail(new Error(`a thread of the prune ended with code ${code}`)));
    return slot;
  }

  #receive(slot: Slot, message: FromRepackWorker): void {
    switch (message.kind) {
      case 'pack':
        this.#storePack(slot, message.pack, message.buffer);
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

  #storePack(slot: Slot, pack: FinishedPack, buffer: Uint8Array<ArrayBuffer>): void {
    const run = this.#store(pack, buffer).then(() => {
      slot.stores.delete(run);
      const message: ToRepackWorker = { kind: 'reuse', buffer };
      slot.worker.postMessage(message, [buffer.buffer]);
    });
    slot.stores.add(run);
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    for (const answer of this.#waiting.values()) answer.reject(error);
  }
}
