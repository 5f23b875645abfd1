import type { TaskQueue } from './worker-pool.ts';

/** About as many names go to a worker in one message. */
const NAMES_PER_TASK = 64;
/** As many where messages wait for a worker: nobody is kept waiting then, and each message costs 50 µs in two threads. */
const NAMES_PER_LATER_TASK = 256;

interface Pending<Run, Result> {
  readonly run: Run;
  readonly done: PromiseWithResolvers<Result>;
}

/** Sends runs of one task, with so many names in all, and gives their results in the same order. */
export type SendRuns<Run, Result> = (runs: readonly Run[], nameCount: number) => Promise<readonly Result[]>;

/** Puts the runs of several directories into one task, so that small directories cost no message each. */
export class TaskBatcher<Run, Result> {
  readonly #pool: TaskQueue;
  readonly #send: SendRuns<Run, Result>;
  #pending: Pending<Run, Result>[] = [];
  #nameCount = 0;
  #flushesSoon = false;

  constructor(pool: TaskQueue, send: SendRuns<Run, Result>) {
    this.#pool = pool;
    this.#send = send;
  }

  /** Adds a run of that many names; wait for `ready` before adding many more. */
  add(run: Run, nameCount: number): Promise<Result> {
    const pending = { run, done: Promise.withResolvers<Result>() };
    pending.done.promise.catch(() => {}); // thrown where it is awaited
    this.#pending.push(pending);
    this.#nameCount += nameCount;
    if (this.#nameCount >= (this.#pool.hasBacklog ? NAMES_PER_LATER_TASK : NAMES_PER_TASK)) this.flush();
    return pending.done.promise;
  }

  /** Resolves when the workers can take more. */
  ready(): Promise<void> {
    return this.#pool.ready();
  }

  /** Sends what is waiting. */
  flush(): void {
    const batch = this.#pending;
    if (batch.length === 0) return;
    const nameCount = this.#nameCount;
    this.#pending = [];
    this.#nameCount = 0;
    void this.#run(batch, nameCount);
  }

  /** Sends what is waiting when all has been added that can be now. */
  flushSoon(): void {
    if (this.#flushesSoon) return;
    this.#flushesSoon = true;
    setImmediate(() => {
      this.#flushesSoon = false;
      this.flush();
    });
  }

  async #run(batch: readonly Pending<Run, Result>[], nameCount: number): Promise<void> {
    try {
      const results = await this.#send(
        batch.map(({ run }) => run),
        nameCount,
      );
      batch.forEach(({ done }, i) => {
        const result = results[i];
        if (result === undefined) done.reject(new RangeError('a task gave fewer results than it had runs'));
        else done.resolve(result);
      });
    } catch (error) {
      for (const { done } of batch) done.reject(error);
    }
  }
}
