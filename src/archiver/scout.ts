import { CairnError } from '../base/errors.ts';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { leafRuns, type LeafNames } from './leaf-runs.ts';
import type { SourceDirectory, SourceEntry, SourceProblem } from './source.ts';
import { TaskBatcher } from './task-batcher.ts';
import type { StatRun, StatRunResult } from './worker/messages.ts';
import type { WorkerPool } from './worker-pool.ts';

/** Entries looked at ahead at most, so that the listings of a huge source do not pile up. */
const MAX_ENTRIES = 50_000;

export interface Listing {
  readonly entries: readonly SourceEntry[];
  readonly problems: readonly SourceProblem[];
  readonly runs: readonly LeafNames[];
  /** What the workers saw of each run, once it was asked for. */
  stats: readonly Promise<StatRunResult>[] | undefined;
}

/**
 * Lists directories and looks at their entries before anyone asks, in the order the walk will ask, while
 * there is nothing else to do: the key is being derived, the lock is settling. When nothing has changed, this
 * was all the work.
 */
export class Scout {
  readonly #stats: TaskBatcher<StatRun, StatRunResult>;
  readonly #listings = new Map<SourceDirectory, Listing>();
  #entryCount = 0;
  #stopped = false;

  constructor(pool: WorkerPool) {
    this.#stats = new TaskBatcher(pool, async (runs) => {
      const { result } = await pool.run({ kind: 'stat', runs });
      if (result.kind !== 'stat') throw new CairnError('INTERNAL', 'a worker answered another question');
      return result.runs;
    });
  }

  /** Goes ahead until all or enough is seen, or `stop` is called; gives way to other work after each directory. */
  async run(root: SourceDirectory): Promise<void> {
    const waiting: SourceDirectory[] = [root];
    for (;;) {
      const directory = waiting.pop();
      if (directory === undefined || this.#stopped || this.#entryCount >= MAX_ENTRIES) break;
      const listing = this.#list(directory);
      this.#listings.set(directory, listing);
      void this.#look(directory, listing);
      this.#entryCount += listing.entries.length;
      for (let i = listing.entries.length - 1; i >= 0; i--) {
        const entry = listing.entries[i];
        if (entry?.kind === 'directory') waiting.push(entry.directory);
      }
      await nextTurn();
    }
    this.#stats.flush();
  }

  /** The vault is open: from here on, only what is asked for is done. */
  stop(): void {
    this.#stopped = true;
  }

  /** The listing of a directory, made now if it is not there yet. Each directory is given once. */
  list(directory: SourceDirectory): Listing {
    const listing = this.#listings.get(directory);
    this.#listings.delete(directory);
    return listing ?? this.#list(directory);
  }

  /** What the system says of the leaves of a listed directory, run by run. */
  look(directory: SourceDirectory, listing: Listing): readonly Promise<StatRunResult>[] {
    return listing.stats ?? this.#look(directory, listing);
  }

  /** Sends what `look` has gathered. */
  flush(): void {
    this.#stats.flush();
  }

  ready(): Promise<void> {
    return this.#stats.ready();
  }

  #list(directory: SourceDirectory): Listing {
    const problems: SourceProblem[] = [];
    const entries = directory.list((problem) => problems.push(problem));
    return { entries, problems, runs: directory.path === undefined ? [] : leafRuns(entries), stats: undefined };
  }

  #look({ path }: SourceDirectory, listing: Listing): readonly Promise<StatRunResult>[] {
    listing.stats =
      path === undefined
        ? []
        : listing.runs.map(({ names, count }) => this.#stats.add({ directory: path, names }, count));
    return listing.stats;
  }
}
