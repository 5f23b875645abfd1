import type { Clock } from '../base/clock.ts';
import { CairnError } from '../base/errors.ts';

export interface WithinOptions {
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
}

/** Runs what asks a storage; its signal aborts with the caller's, and with `STORAGE_UNREACHABLE` after that time. */
export async function withinMs<T>(
  ms: number,
  { clock, signal }: WithinOptions,
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const limit = new AbortController();
  const done = new AbortController();
  clock.sleep(ms, done.signal).then(
    () => limit.abort(noAnswer(ms)),
    // It came to its end before.
    () => {},
  );
  try {
    return await run(signal === undefined ? limit.signal : AbortSignal.any([signal, limit.signal]));
  } finally {
    done.abort();
  }
}

export function noAnswer(ms: number): CairnError {
  return new CairnError('STORAGE_UNREACHABLE', `the storage did not answer within ${ms / 1000} s`, { retry: 'later' });
}
