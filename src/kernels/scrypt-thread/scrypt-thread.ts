import { availableParallelism } from 'node:os';
import { MessageChannel, type Worker } from 'node:worker_threads';
import { startWorker } from '../../base/start-worker.ts';
import type { MixAnswer, MixTask } from './mix-task.ts';

/** Does the mixing of key derivations beside the thread that has begun it. */
export class ScryptThread {
  readonly #worker: Worker;
  readonly #isLent: boolean;
  readonly #gone: Promise<false>;
  readonly #mixing = Promise.withResolvers<void>();

  /** A lent thread takes a `MixTask` beside its other messages, and goes on living. */
  constructor(worker: Worker, isLent: boolean) {
    this.#worker = worker;
    this.#isLent = isLent;
    this.#gone = new Promise((resolve) => {
      worker.once('error', () => resolve(false));
      worker.once('exit', () => resolve(false));
    });
    // It has no part in how long the process lives; what waits for it has (`mix`).
    worker.unref();
  }

  /** Resolves when it has begun to mix, or never will. */
  get mixing(): Promise<void> {
    return this.#mixing.promise;
  }

  /**
   * Whether it was done; `false` when the thread could not run: the memory holds nothing of use then. `onSlow` is told once
   * when the memory is slow to touch.
   */
  async mix(task: Omit<MixTask, 'kind' | 'done'>, onSlow: () => void): Promise<boolean> {
    const { port1, port2 } = new MessageChannel();
    const mixed = new Promise<boolean>((resolve) => {
      port1.on('message', (answer: MixAnswer) => (answer === 'slow' ? onSlow() : resolve(true)));
      port1.once('close', () => resolve(false));
    });
    const message: MixTask = { ...task, kind: 'mix', done: port2 };
    this.#worker.postMessage(message, [port2]);
    this.#mixing.resolve();
    try {
      return await Promise.race([mixed, this.#gone]);
    } finally {
      port1.close();
    }
  }

  end(): void {
    this.#mixing.resolve();
    if (!this.#isLent) void this.#worker.terminate();
  }
}

let waiting: ScryptThread | undefined;

/**
 * Starts a thread for the next key derivation of this process, for those who have other work to do meanwhile. It costs
 * 25 ms of another core, and is ready when the key file is read. On a single core there is nothing to win.
 */
export function beginScryptThread(): ScryptThread | undefined {
  if (availableParallelism() > 1) waiting ??= new ScryptThread(startWorker('kernels/scrypt-thread/worker-main'), false);
  return waiting;
}

/** Lends a thread that was begun for other work, and has none until the key is known. */
export function lendScryptThread(worker: Worker): void {
  waiting ??= new ScryptThread(worker, true);
}

/** The thread that was begun, for one derivation; whoever takes it ends it. */
export function takeScryptThread(): ScryptThread | undefined {
  const thread = waiting;
  waiting = undefined;
  return thread;
}
