// Snapshots, index, packs: each listing begins when the one before has ended, so that what a file refers to, which was stored before it, is in
// the listing that comes after. The files of one are read beside the next, since a server takes its time for each.
import type { FileInfo, Repository } from './repository.ts';

interface Listed {
  readonly onListed: () => void;
  readonly signal: AbortSignal;
}

export interface ReadInOrder<S, I> {
  readonly snapshots: (options: Listed) => Promise<S>;
  readonly index: (options: Listed) => Promise<I>;
}

/** The packs have still to be taken out of their listing, of which the first page has come. */
export async function readInOrder<S, I>(
  repository: Repository,
  read: ReadInOrder<S, I>,
  outer: AbortSignal | undefined,
): Promise<{ readonly snapshots: S; readonly index: I; readonly packs: AsyncIterable<FileInfo<'pack'>> }> {
  const stop = new AbortController();
  const signal = outer === undefined ? stop.signal : AbortSignal.any([outer, stop.signal]);
  const turns = { index: Promise.withResolvers<void>(), packs: Promise.withResolvers<void>() };
  const run = async <T>(
    turn: Promise<void>,
    next: PromiseWithResolvers<void> | undefined,
    task: (options: Listed) => Promise<T>,
  ): Promise<T> => {
    try {
      await turn;
      const result = await task({ onListed: () => next?.resolve(), signal });
      next?.resolve();
      return result;
    } catch (error) {
      stop.abort(error);
      next?.reject(error);
      throw error;
    }
  };
  const results = await Promise.allSettled([
    run(Promise.resolve(), turns.index, read.snapshots),
    run(turns.index.promise, turns.packs, read.index),
    run(turns.packs.promise, undefined, () => begun(repository.listIds('pack', { signal }))),
  ]);
  const [snapshots, index, packs] = results;
  if (snapshots.status === 'fulfilled' && index.status === 'fulfilled' && packs.status === 'fulfilled') {
    return { snapshots: snapshots.value, index: index.value, packs: packs.value };
  }
  if (packs.status === 'fulfilled') await packs.value.return?.();
  // The first failure, which stopped the others.
  throw stop.signal.reason;
}

/** What comes first is asked for now. */
async function begun<T>(items: AsyncIterable<T>): Promise<AsyncIterableIterator<T>> {
  const iterator = items[Symbol.asyncIterator]();
  let first: IteratorResult<T> | undefined = await iterator.next();
  const result: AsyncIterableIterator<T> = {
    next: async () => {
      const item = first ?? (await iterator.next());
      first = undefined;
      return item;
    },
    return: async () => (await iterator.return?.()) ?? { done: true, value: undefined },
    [Symbol.asyncIterator]() {
      return result;
    },
  };
  return result;
}
