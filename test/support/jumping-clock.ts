import type { Clock } from '../../src/base/clock.ts';

/** A clock for tests whose sleeps take no time; they are recorded. */
export interface JumpingClock extends Clock {
  readonly sleeps: readonly number[];
  /** Milliseconds since the epoch, which is where it starts. */
  readonly nowMs: number;
  readonly pass: (ms: number) => void;
}

export function jumpingClock(): JumpingClock {
  let nowMs = 0;
  const sleeps: number[] = [];
  return {
    sleeps,
    get nowMs() {
      return nowMs;
    },
    pass: (ms) => {
      nowMs += ms;
    },
    nowNs: () => BigInt(Math.round(nowMs * 1e6)),
    sleep: async (delayMs, signal) => {
      signal?.throwIfAborted();
      sleeps.push(delayMs);
      nowMs += delayMs;
    },
  };
}
