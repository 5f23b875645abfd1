import { concatBytes } from '../base/bytes.ts';
import { CairnError } from '../base/errors.ts';
import { TaskBatcher } from './task-batcher.ts';
import type { SourceProblem } from './source.ts';
import type { BigFile, LeafRun, LeafRunResult, LeafStats, TaskDone } from './worker/messages.ts';
import type { TaskQueue, TaskRunner } from './worker-pool.ts';

export interface LeafReport {
  readonly stats: LeafStats;
  readonly problems: readonly SourceProblem[];
  readonly task: TaskDone;
  /** The last directory in the task. */
  readonly directory: Uint8Array;
}

/** Nodes of a run of leaves; see `LeafRunResult`. */
export interface SavedRun {
  readonly parts: readonly (Uint8Array | BigFile)[];
  readonly digests: Uint8Array | undefined;
}

/** Has leaves saved by the workers, many directories to a task. */
export class LeafBatcher {
  readonly #pool: TaskRunner & TaskQueue;
  readonly #onReport: (report: LeafReport) => void;
  readonly #batcher: TaskBatcher<LeafRun, SavedRun>;

  constructor(pool: TaskRunner & TaskQueue, onReport: (report: LeafReport) => void) {
    this.#pool = pool;
    this.#onReport = onReport;
    this.#batcher = new TaskBatcher(pool, (runs) => this.#send(runs));
  }

  add(run: LeafRun, nameCount: number): Promise<SavedRun> {
    return this.#batcher.add(run, nameCount);
  }

  ready(): Promise<void> {
    return this.#batcher.ready();
  }

  flush(): void {
    this.#batcher.flush();
  }

  /** See `TaskBatcher`. */
  flushSoon(): void {
    this.#batcher.flushSoon();
  }

  async #send(runs: readonly LeafRun[]): Promise<readonly SavedRun[]> {
    const task = await this.#pool.run({ kind: 'leaves', runs });
    if (task.result.kind !== 'leaves') throw new CairnError('INTERNAL', 'a worker answered another question');
    const { stats, problems } = task.result;
    this.#onReport({ stats, problems, task, directory: runs.at(-1)?.directory ?? new Uint8Array(0) });
    return Promise.all(task.result.runs.map((result, i) => this.#complete(runs[i], result)));
  }

  /** A worker gives back names it did not get to: they go out again as a task of their own. */
  async #complete(run: LeafRun | undefined, result: LeafRunResult): Promise<SavedRun> {
    if (run === undefined || result.rest === undefined) return result;
    const [rest] = await this.#send([{ ...run, ...result.rest }]);
    if (rest === undefined) throw new CairnError('INTERNAL', 'a worker did not answer');
    const isWhole = result.digests !== undefined && rest.digests !== undefined;
    const digests = isWhole ? concatBytes([result.digests, rest.digests]) : undefined;
    return { parts: [...result.parts, ...rest.parts], digests };
  }
}
