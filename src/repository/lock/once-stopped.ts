import type { Clock } from '../../base/clock.ts';
import { noAnswer } from '../../storage/within-ms.ts';

/** A storage that answers at all does so in this time; one that does not is no reason to keep a stopped program for minutes. */
const ONCE_STOPPED_MS = 10_000;
/** What failed because the storage is gone has been waiting for it long enough. A lock that stays is one of an ended process. */
const REMOVAL_MS = 120_000;

type Run<T> = (signal: AbortSignal) => Promise<T>;

/**
 * Runs what has to come to its end also when the work is stopped, such as the writing of a lock file, and gives it ten
 * seconds from then on: its signal aborts when they are over. Without that, whoever presses Ctrl-C because the storage hangs
 * would wait for all the tries that it is worth. What fails after the stop throws its reason.
 */
export async function onceStopped<T>(stopped: AbortSignal | undefined, clock: Clock, run: Run<T>): Promise<T> {
  try {
    return await limited(stopped, clock, undefined, run);
  } catch (error) {
    stopped?.throwIfAborted();
    throw error;
  }
}

/** The same for the removal of a lock file, which has two minutes in any case. */
export function clearingAway<T>(stopped: AbortSignal | undefined, clock: Clock, run: Run<T>): Promise<T> {
  return limited(stopped, clock, REMOVAL_MS, run);
}

async function limited<T>(
  stopped: AbortSignal | undefined,
  clock: Clock,
  longestMs: number | undefined,
  run: Run<T>,
): Promise<T> {
  const limit = new AbortController();
  const done = new AbortController();
  const endIn = (ms: number): void => {
    clock.sleep(ms, done.signal).then(
      () => limit.abort(noAnswer(ms)),
      // It came to its end before.
      () => {},
    );
  };
  if (longestMs !== undefined) endIn(longestMs);
  if (stopped?.aborted === true) endIn(ONCE_STOPPED_MS);
  else stopped?.addEventListener('abort', () => endIn(ONCE_STOPPED_MS), { once: true, signal: done.signal });
  try {
    return await run(limit.signal);
  } finally {
    done.abort();
  }
}
