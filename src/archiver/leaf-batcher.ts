import type { LeafRun, LeafRunResult, LeafStats, TaskDone } from './worker/messages.ts';
import type { WorkerPool } from './worker-pool.ts';
import type { SourceProblem } from './source.ts';

/** Names in one message to a worker: enough to make its cost small, few enough to share the work evenly. */
const NAMES_PER_TASK = 64;

/** One run of leaves, waiting to be sent. */
interface Pending {
  readonly run: LeafRun;
  readonly done: PromiseWithResolvers<LeafRunResult>;
}

export interface LeafReport {
  readonly stats: LeafStats;
  readonly problems: readonly SourceProblem[];
  readonly task: TaskDone;
  /** Path of the last directory in the task. */
  readonly directory: Uint8Array;
}

/** Puts the leaves of several directories into one task, so that small directories cost no message each. */
export class LeafBatcher {
  readonly #pool: WorkerPool;
  readonly #onReport: (report: LeafReport) => void;
  #pending: Pending[] = [];
  #nameCount = 0;

  constructor(pool: WorkerPool, onReport: (report: LeafReport) => void) {
    this.#pool = pool;
    this.#onReport = onReport;
  }

  /**
   * Adds leaves of one directory, in the order of their names; splits them where they are many. Waits
   * while the workers have enough to do.
   */
  async add(
    directory: Uint8Array,
    names: readonly Uint8Array[],
    parent: Uint8Array | undefined,
  ): Promise<Promise<LeafRunResult>[]> {
    const results: Promise<LeafRunResult>[] = [];
    for (let at = 0; at < names.length;) {
      const count = Math.min(names.length - at, NAMES_PER_TASK - this.#nameCount);
      const run = { directory, names: joinNames(names.slice(at, at + count)), parent };
      const pending = { run, done: Promise.withResolvers<LeafRunResult>() };
      this.#pending.push(pending);
      this.#nameCount += count;
      results.push(pending.done.promise);
      at += count;
      if (this.#nameCount >= NAMES_PER_TASK) {
        this.flush();
        await this.#pool.ready();
      }
    }
    return results;
  }

  /** Sends what is waiting. */
  flush(): void {
    const batch = this.#pending;
    if (batch.length === 0) return;
    this.#pending = [];
    this.#nameCount = 0;
    void this.#run(batch);
  }

  async #run(batch: readonly Pending[]): Promise<void> {
    try {
      const task = await this.#pool.run({ kind: 'leaves', runs: batch.map(({ run }) => run) });
      if (task.result.kind !== 'leaves') return;
      const { runs, stats, problems } = task.result;
      this.#onReport({ stats, problems, task, directory: batch.at(-1)?.run.directory ?? new Uint8Array() });
      batch.forEach((pending, i) => this.#settle(pending, runs[i]));
    } catch (error) {
      for (const { done } of batch) done.reject(error);
    }
  }

  /** A worker gives back names it did not get to: they go out again as a task of their own. */
  #settle({ run, done }: Pending, result: LeafRunResult | undefined): void {
    if (result === undefined || result.doneNamesBytes === run.names.length) {
      done.resolve(result ?? { parts: [], doneNamesBytes: 0 });
      return;
    }
    const rest = { ...run, names: run.names.slice(result.doneNamesBytes) };
    const restDone = Promise.withResolvers<LeafRunResult>();
    restDone.promise.then(
      ({ parts }) => done.resolve({ parts: [...result.parts, ...parts], doneNamesBytes: run.names.length }),
      done.reject,
    );
    void this.#run([{ run: rest, done: restDone }]);
  }
}

function joinNames(names: readonly Uint8Array[]): Uint8Array {
  let size = names.length;
  for (const name of names) size += name.length;
  const joined = new Uint8Array(size);
  let at = 0;
  for (const name of names) {
    joined.set(name, at);
    at += name.length + 1;
  }
  return joined;
}
