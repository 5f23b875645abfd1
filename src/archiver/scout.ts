import { setImmediate as nextTurn } from 'node:timers/promises';
import { ownCopy } from '../base/bytes.ts';
import { CairnError } from '../base/errors.ts';
import { openPosix } from '../base/posix/open-posix.ts';
import { createCodec } from '../kernels/codec.ts';
import { leafRuns, type LeafNames } from './leaf-runs.ts';
import type { SourceDirectory, SourceEntry, SourceProblem } from './source.ts';
import { TaskBatcher } from './task-batcher.ts';
import type { StatRun, StatRunResult } from './worker/messages.ts';
import { StatRunner } from './worker/stat-runner.ts';
import type { WorkerPool } from './worker-pool.ts';

/** Entries looked at ahead at most, so that the listings of a huge source do not pile up. */
const MAX_ENTRIES = 50_000;
/** Names that this thread looks at itself while no other is idle: 3 µs each, while two workers need 100 ms of processor time to start. */
const OWN_NAMES = 65_536;

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
  readonly #pool: WorkerPool;
  readonly #stats: TaskBatcher<StatRun, StatRunResult>;
  readonly #listings = new Map<SourceDirectory, Listing>();
  #own: StatRunner | undefined;
  #ownNames = OWN_NAMES;
  #entryCount = 0;
  #stopped = false;

  constructor(pool: WorkerPool) {
    this.#pool = pool;
    this.#stats = new TaskBatcher(pool, (runs, nameCount) => this.#lookAt(runs, nameCount));
  }

  /**
   * Goes ahead until all or enough is seen, or `stop` is called; gives way to other work after each directory. Only
   * lists where everything has to be read anyway.
   */
  async run(root: SourceDirectory, how: 'list' | 'look'): Promise<void> {
    const waiting: SourceDirectory[] = [root];
    for (;;) {
      const directory = waiting.pop();
      if (directory === undefined || this.#stopped || this.#entryCount >= MAX_ENTRIES) break;
      const listing = this.#list(directory);
      this.#listings.set(directory, listing);
      if (how === 'look') void this.#look(directory, listing);
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

  async #lookAt(runs: readonly StatRun[], nameCount: number): Promise<readonly StatRunResult[]> {
    if (this.#ownNames > 0 && !this.#pool.hasIdle) {
      this.#ownNames -= nameCount;
      this.#own ??= new StatRunner(openPosix(), createCodec());
      return this.#own.run({ kind: 'stat', runs }).runs;
    }
    const { result } = await this.#pool.run({ kind: 'stat', runs });
    if (result.kind !== 'stat') throw new CairnError('INTERNAL', 'a worker answered another question');
    return result.runs;
  }

  #list(directory: SourceDirectory): Listing {
    const problems: SourceProblem[] = [];
    const entries = directory.list((problem) => problems.push(problem));
    return { entries, problems, runs: directory.path === undefined ? [] : leafRuns(entries), stats: undefined };
  }

  #look({ path }: SourceDirectory, listing: Listing): readonly Promise<StatRunResult>[] {
    const directory = ownCopy(path ?? new Uint8Array(0));
    listing.stats = listing.runs.map(({ names, groups, count }) =>
      this.#stats.add({ directory, names, groups }, count),
    );
    return listing.stats;
  }
}
