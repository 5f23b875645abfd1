import { availableParallelism } from 'node:os';
import type { Worker } from 'node:worker_threads';
import { CairnError } from '../base/errors.ts';
import { hasStarted, takeWorker } from '../base/start-worker.ts';
import { archiverThread } from './archiver-thread.ts';
import type { BlobIndexMemory } from '../repository/index/blob-index.ts';
import { PACK_HEADER_ROOM } from '../repository/pack-builder.ts';
import {
  CONTROL_SLOTS,
  type FromWorker,
  type PackReady,
  type TaskDone,
  type TaskFailed,
  type ToWorker,
  type WorkerSetup,
  type WorkerTask,
} from './worker/messages.ts';
import { freeSlot, requestAbort } from './worker/pack-slots.ts';

const MAX_BLOB_BYTES = 8 * 1024 * 1024 + 64;
/** A worker has one task at hand and one waiting, so that it never idles for a message. */
const TASKS_PER_WORKER = 2;
/** A task that has waited for so long is worth one more thread, which costs 50 ms of processor time to begin. */
const ONE_MORE_AFTER_MS = 50;

/** What the pool does with a pack that a worker has filled; resolves when its bytes may be overwritten. */
export type StorePack = (ready: PackReady, bytes: Uint8Array) => Promise<void>;

export interface PoolSetup extends Omit<WorkerSetup, 'kind' | 'slots' | 'control'> {
  /** Packs that may be on their way to the storage while every worker fills one. */
  readonly sparePacks: number;
}

/** Looks after the index that the workers extend. */
export interface IndexKeeper {
  /** Whether there is room for what tasks under way may add. */
  hasRoom(): boolean;
  /** Called while no task runs: moves the index to larger memory. */
  makeRoom(): BlobIndexMemory;
}

interface Waiting {
  readonly task: WorkerTask;
  readonly done: PromiseWithResolvers<TaskDone>;
}

interface Member {
  readonly worker: Worker;
  readonly running: Waiting[];
}

/** What those need who only have tasks done. */
export type TaskRunner = Pick<WorkerPool, 'run' | 'ready'>;

/** What those need to know who put several pieces of work into one task. */
export type TaskQueue = Pick<WorkerPool, 'ready' | 'hasBacklog'>;

/** The worker threads of one backup, and the queue of their tasks. */
export class WorkerPool implements AsyncDisposable {
  readonly #size: number;
  readonly #members: Member[] = [];
  #setup: WorkerSetup | undefined;
  #control: Int32Array<SharedArrayBuffer> | undefined;
  #slots: Uint8Array[] = [];
  #keeper: IndexKeeper | undefined;
  readonly #urgent: Waiting[] = [];
  readonly #queue: Waiting[] = [];
  readonly #stores = new Set<Promise<void>>();
  #store: StorePack | undefined;
  #failure: { readonly error: unknown } | undefined;
  #wanted: PromiseWithResolvers<void> | undefined;
  /** Runs while a task waits and there could be more threads. */
  #moreSoon: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(jobs: number = availableParallelism()) {
    this.#size = Math.max(1, jobs);
  }

  get size(): number {
    return this.#size;
  }

  /**
   * Starts threads, which otherwise start one by one, as work waits for them: each costs 50 ms of processor time, more than
   * looking at ten thousand unchanged files. They load their code while the caller goes on.
   */
  start(atLeast: number = this.#size): void {
    while (this.#members.length < Math.min(atLeast, this.#size) && !this.#closed) {
      const member = this.#startMember();
      this.#members.push(member);
      if (this.#setup !== undefined) this.#send(member, this.#setup);
    }
  }

  /** Tells the threads what to work with. Call once, before `run`. */
  setup({ sparePacks, ...setup }: PoolSetup, keeper: IndexKeeper, store: StorePack): void {
    this.#store = store;
    this.#keeper = keeper;
    // Memory that nobody has written to is not there yet, and the first free slot is taken: a storage that keeps up costs one spare.
    const slots = Array.from(
      { length: this.#size + sparePacks },
      () => new SharedArrayBuffer(setup.packSizeBytes + MAX_BLOB_BYTES + PACK_HEADER_ROOM),
    );
    this.#slots = slots.map((slot) => new Uint8Array(slot));
    const control = new SharedArrayBuffer((CONTROL_SLOTS + slots.length) * 4);
    this.#control = new Int32Array(control);
    if (this.#failure !== undefined) requestAbort(this.#control);
    this.#setup = { ...setup, kind: 'setup', slots, control };
    for (const member of this.#members) this.#send(member, this.#setup);
  }

  /** Runs a task on any thread; `urgent` ones overtake those that wait. Rejects when the pool has failed. */
  run(task: WorkerTask, options: { readonly urgent?: boolean } = {}): Promise<TaskDone> {
    const waiting = { task, done: Promise.withResolvers<TaskDone>() };
    if (this.#failure !== undefined) waiting.done.reject(this.#failure.error);
    else {
      this.start(1);
      (options.urgent === true ? this.#urgent : this.#queue).push(waiting);
      this.#dispatch();
    }
    return waiting.done.promise;
  }

  /** Runs one task on every thread that there is. Only while nothing else runs. Rejects when the pool has failed. */
  async runOnAll(task: WorkerTask): Promise<TaskDone[]> {
    if (this.#failure !== undefined) throw this.#failure.error;
    return Promise.all(
      this.#members.map((member) => {
        const waiting = { task, done: Promise.withResolvers<TaskDone>() };
        this.#hand(member, waiting);
        return waiting.done.promise;
      }),
    );
  }

  /** Whether a thread is there that has nothing to do. */
  get hasIdle(): boolean {
    return this.#queue.length === 0 && this.#members.some((member) => isIdle(member));
  }

  /** Whether tasks wait for a thread. */
  get hasBacklog(): boolean {
    return this.#queue.length > 0;
  }

  /** Resolves when the queue is short enough for more work. */
  async ready(): Promise<void> {
    while (this.#queue.length >= this.#size && this.#failure === undefined) {
      this.#wanted ??= Promise.withResolvers();
      await this.#wanted.promise;
    }
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** Waits until no task runs. */
  async idle(): Promise<void> {
    const running = this.#members.flatMap((member) => member.running.map(({ done }) => done.promise));
    await Promise.allSettled(running);
  }

  /** Waits until no task runs and all packs handed over are stored. */
  async settled(): Promise<void> {
    await this.idle();
    await Promise.all(this.#stores);
  }

  /** The buffer of a slot, for a leftover pack. */
  slotBuffer(slot: number): Uint8Array {
    const buffer = this.#slots[slot];
    if (buffer === undefined) throw new RangeError(`there is no slot ${slot}`);
    return buffer;
  }

  /** Ends all waiting and future tasks with this error; running ones stop at the next file or chunk. */
  fail(error: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = { error };
    for (const { done } of [...this.#urgent.splice(0), ...this.#queue.splice(0)]) done.reject(error);
    if (this.#control !== undefined) requestAbort(this.#control);
    for (const member of this.#members) {
      for (const { done } of member.running.splice(0)) done.reject(error);
    }
    this.#wanted?.resolve();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#moreSoon);
    this.fail(new CairnError('ABORTED', 'the worker pool was closed'));
    await Promise.all(this.#members.map(({ worker }) => worker.terminate()));
    await Promise.all(this.#stores);
  }

  #startMember(): Member {
    const worker = takeWorker(archiverThread);
    const member: Member = { worker, running: [] };
    worker.on('message', (message: FromWorker) => this.#receive(member, message));
    worker.on('error', (error) => this.fail(error));
    worker.on('exit', () => {
      if (!this.#closed) this.fail(new CairnError('INTERNAL', 'a worker thread ended before its work was done'));
    });
    return member;
  }

  #receive(member: Member, message: FromWorker): void {
    switch (message.kind) {
      case 'pack':
        this.#storePack(message);
        return;
      case 'failed':
        this.fail(errorOf(message));
        return;
      case 'done':
        member.running.shift()?.done.resolve(message);
        this.#dispatch();
        return;
      default:
        message satisfies never;
    }
  }

  #storePack(ready: PackReady): void {
    const buffer = this.#slots[ready.slot];
    const control = this.#control;
    if (buffer === undefined || control === undefined || this.#store === undefined) return;
    const run = this.#store(ready, buffer).then(
      () => freeSlot(control, ready.slot),
      (error: unknown) => this.fail(error),
    );
    this.#stores.add(run);
    void run.then(() => this.#stores.delete(run));
  }

  #dispatch(): void {
    for (;;) {
      if (!this.#hasRoom()) break;
      const member = this.#leastBusy();
      const next = member === undefined ? undefined : (this.#urgent.shift() ?? this.#queue.shift());
      if (member === undefined || next === undefined) break;
      this.#hand(member, next);
    }
    this.#startMoreSoon();
    if (this.#queue.length < this.#size) {
      this.#wanted?.resolve();
      this.#wanted = undefined;
    }
  }

  /** Starts one more thread when a task has waited for long, and not only for the first thread to load its code. */
  #startMoreSoon(): void {
    const [first] = this.#queue;
    if (first === undefined || this.#moreSoon !== undefined || this.#members.length >= this.#size) return;
    this.#moreSoon = setTimeout(() => {
      this.#moreSoon = undefined;
      const areBusy = this.#members.every(({ worker }) => hasStarted(worker));
      if (areBusy && this.#queue[0] === first) this.start(this.#members.length + 1);
      this.#dispatch();
    }, ONE_MORE_AFTER_MS);
  }

  /** Whether tasks may be handed out. Where the index is nearly full, the running ones end first, then it moves. */
  #hasRoom(): boolean {
    if (this.#keeper === undefined || this.#keeper.hasRoom()) return true;
    if (this.#members.some(({ running }) => running.length > 0)) return false;
    const index = this.#keeper.makeRoom();
    if (this.#setup !== undefined) this.#setup = { ...this.#setup, index };
    for (const member of this.#members) this.#send(member, { kind: 'index', index });
    return true;
  }

  #leastBusy(): Member | undefined {
    let best: Member | undefined;
    for (const member of this.#members) {
      if (member.running.length < (best?.running.length ?? TASKS_PER_WORKER)) best = member;
    }
    return best;
  }

  #hand(member: Member, waiting: Waiting): void {
    member.running.push(waiting);
    this.#send(member, waiting.task);
  }

  #send(member: Member, message: ToWorker): void {
    member.worker.postMessage(message);
  }
}

function isIdle({ worker, running }: Member): boolean {
  return running.length === 0 && hasStarted(worker);
}

function errorOf({ code, message, hint }: TaskFailed): Error {
  if (code === undefined) return new Error(message);
  return new CairnError(code, message, hint === undefined ? {} : { hint });
}
