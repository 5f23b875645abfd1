import { setImmediate as nextTurn } from 'node:timers/promises';
import type { SourceDirectory, SourceEntry, SourceProblem } from './source.ts';

/** Entries listed ahead at most, so that the listings of a huge source do not pile up. */
const MAX_ENTRIES = 200_000;

/**
 * Lists directories before they are asked for, in the order the walk will ask, while the main thread has
 * nothing else to do: the key is being derived, the lock is settling.
 */
export class ListingAhead {
  readonly #listed = new Map<
    SourceDirectory,
    { readonly entries: SourceEntry[]; readonly problems: SourceProblem[] }
  >();
  #entryCount = 0;
  #stopped = false;

  /** Lists until everything or enough is listed, or `stop` is called; gives way to other work after each directory. */
  async run(root: SourceDirectory): Promise<void> {
    const waiting: SourceDirectory[] = [root];
    for (;;) {
      const directory = waiting.pop();
      if (directory === undefined || this.#stopped || this.#entryCount >= MAX_ENTRIES) return;
      const problems: SourceProblem[] = [];
      const entries = directory.list((problem) => problems.push(problem));
      this.#listed.set(directory, { entries, problems });
      this.#entryCount += entries.length;
      for (let i = entries.length - 1; i >= 0; i--) {
        const entry = entries[i];
        if (entry?.kind === 'directory') waiting.push(entry.directory);
      }
      await nextTurn();
    }
  }

  stop(): void {
    this.#stopped = true;
  }

  /** The entries of a directory, listed now if they are not yet. Each directory is given once. */
  list(directory: SourceDirectory, report: (problem: SourceProblem) => void): SourceEntry[] {
    const listed = this.#listed.get(directory);
    if (listed === undefined) return directory.list(report);
    this.#listed.delete(directory);
    listed.problems.forEach(report);
    return listed.entries;
  }
}
