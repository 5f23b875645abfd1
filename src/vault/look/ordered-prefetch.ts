/**
 * Runs `task` over `items`, at most `limit` ahead of the reader, and yields the results in order. When the
 * reader stops early, what was started is awaited and dropped.
 */
export async function* orderedPrefetch<T, R>(
  items: Iterable<T>,
  limit: number,
  task: (item: T) => Promise<R>,
): AsyncGenerator<R, void, undefined> {
  const started: Promise<R>[] = [];
  const source = items[Symbol.iterator]();
  const startNext = (): void => {
    const next = source.next();
    if (next.done === true) return;
    const run = task(next.value);
    // A failure is seen when its turn comes; until then it must not count as unhandled.
    run.catch(() => {});
    started.push(run);
  };
  try {
    for (let count = 0; count < limit; count++) startNext();
    for (let run = started.shift(); run !== undefined; run = started.shift()) {
      const result = await run;
      startNext();
      yield result;
    }
  } finally {
    await Promise.allSettled(started);
  }
}
