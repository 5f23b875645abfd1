import { availableParallelism } from 'node:os';
import type { Worker } from 'node:worker_threads';
import { startWorker } from '../../base/start-worker.ts';
import type { MixTask } from './mix-task.ts';

/** Does the mixing of key derivations beside the thread that has begun it. */
export class ScryptThread {
  readonly #worker: Worker;
  readonly #gone: Promise<false>;
  readonly #mixing = Promise.withResolvers<void>();

  private constructor(worker: Worker) {
    this.#worker = worker;
    this.#gone = new Promise((resolve) => {
      worker.once('error', () => resolve(false));
      worker.once('exit', () => resolve(false));
    });
    // It has no part in how long the process lives, until it mixes.
    worker.unref();
  }

  static begin(): ScryptThread {
    return new ScryptThread(startWorker('kernels/scrypt-thread/worker-main'));
  }

  /** Resolves when it has begun to mix, or never will. */
  get mixing(): Promise<void> {
    return this.#mixing.promise;
  }

  /** Whether it was done; `false` when the thread could not run: the memory holds nothing of use then. */
  async mix(task: MixTask): Promise<boolean> {
    const mixed = new Promise<true>((resolve) => this.#worker.once('message', () => resolve(true)));
    this.#worker.ref();
    this.#worker.postMessage(task);
    this.#mixing.resolve();
    return await Promise.race([mixed, this.#gone]);
  }

  end(): void {
    this.#mixing.resolve();
    this.#worker.unref();
    void this.#worker.terminate();
  }
}

let waiting: ScryptThread | undefined;

/**
 * Starts a thread for the next key derivation of this process, for those who have other work to do meanwhile. It costs
 * 25 ms of another core, and is ready when the key file is read. On a single core there is nothing to win.
 */
export function beginScryptThread(): ScryptThread | undefined {
  if (availableParallelism() > 1) waiting ??= ScryptThread.begin();
  return waiting;
}

/** The thread that was begun, for one derivation; whoever takes it ends it. */
export function takeScryptThread(): ScryptThread | undefined {
  const thread = waiting;
  waiting = undefined;
  return thread;
}
