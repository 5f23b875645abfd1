import type { Worker } from 'node:worker_threads';
import { CairnError } from '../base/errors.ts';
import { takeWorker } from '../base/start-worker.ts';
import { restorerThread } from './restorer-thread.ts';
import type { FromWorker, Job, JobResult, ResultOf, ToWorker, RestoreWorkerSetup } from './jobs.ts';

// A job takes milliseconds, and looks at the stop word between blobs.
const END_TIMEOUT_MS = 10_000;

interface RestoreWorker {
  readonly worker: Worker;
  /** Resolves when the thread is gone. */
  readonly ended: Promise<void>;
  pending: number;
}

interface Waiting {
  readonly owner: RestoreWorker;
  resolve(result: JobResult): void;
  reject(error: unknown): void;
}

/** The worker threads of one restore. They start at once, so that their loading overlaps with other work. */
export class RestoreWorkers implements AsyncDisposable {
  readonly #workers: RestoreWorker[];
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 0;
  #closing = false;
  #broken: unknown;

  constructor(count: number) {
    this.#workers = Array.from({ length: count }, () => this.#start());
  }

  get size(): number {
    return this.#workers.length;
  }

  /** To be called once, before the first job. */
  setup(setup: RestoreWorkerSetup): void {
    const message: ToWorker = { kind: 'setup', setup };
    for (const { worker } of this.#workers) worker.postMessage(message, []);
  }

  /** Gives a job, and the buffers in `transfer`, to the worker with the shortest queue. Rejects with what ends the run. */
  async run<J extends Job>(job: J, transfer: readonly ArrayBuffer[] = []): Promise<ResultOf<J>> {
    if (this.#broken !== undefined) throw this.#broken;
    const owner = this.#workers.reduce((least, each) => (each.pending < least.pending ? each : least));
    const id = this.#nextId++;
    owner.pending++;
    const message: ToWorker = { kind: 'job', id, job };
    const result = await new Promise<JobResult>((resolve, reject) => {
      this.#waiting.set(id, { owner, resolve, reject });
      owner.worker.postMessage(message, [...transfer]);
    });
    if (result.kind === 'fatal') {
      throw new CairnError(result.code, result.message, result.hint === undefined ? {} : { hint: result.hint });
    }
    // A worker answers a job with the result of its kind, which a map of waiting promises cannot tell.
    return result as ResultOf<J>;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing = true;
    await Promise.all(this.#workers.map((owner) => this.#end(owner)));
  }

  /** Lets a worker close its descriptors, which would stay open in this process if it were just terminated. */
  async #end({ worker, ended }: RestoreWorker): Promise<void> {
    const message: ToWorker = { kind: 'end' };
    worker.postMessage(message, []);
    const timer = setTimeout(() => void worker.terminate(), END_TIMEOUT_MS);
    await ended;
    clearTimeout(timer);
  }

  #start(): RestoreWorker {
    const worker = takeWorker(restorerThread);
    const { promise: ended, resolve: onEnd } = Promise.withResolvers<void>();
    const owner: RestoreWorker = { worker, ended, pending: 0 };
    worker.on('message', ({ id, result }: FromWorker) => {
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      owner.pending--;
      waiting?.resolve(result);
    });
    worker.on('error', (error) => this.#fail(error));
    worker.on('exit', () => {
      onEnd();
      if (!this.#closing) this.#fail(undefined);
    });
    return owner;
  }

  #fail(cause: unknown): void {
    this.#broken ??= new CairnError('RESTORE_FAILED', 'a worker thread of the restore ended', { cause });
    for (const waiting of this.#waiting.values()) waiting.reject(this.#broken);
    this.#waiting.clear();
  }
}
