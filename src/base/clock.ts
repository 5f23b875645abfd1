/** The wall clock, injected so that code about time needs no fake timers. */
export interface Clock {
  /** Nanoseconds since the Unix epoch. */
  nowNs(): bigint;
  /** Resolves after `delayMs`; rejects with the abort reason as soon as `signal` aborts. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  nowNs: () => {
    // `performance` adds microseconds, but it stands still in standby and does not follow clock changes.
    const wallMs = Date.now();
    const fineMs = performance.timeOrigin + performance.now();
    return BigInt(Math.round((Math.abs(fineMs - wallMs) < 2 ? fineMs : wallMs) * 1000)) * 1000n;
  },
  sleep: (delayMs, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      }, delayMs);
      const onAbort = (): void => {
        clearTimeout(timer);
        reject(signal?.reason);
      };
      signal?.addEventListener('abort', onAbort, { once: true });
    }),
};

/** Nanoseconds of a millisecond count. */
export function msToNs(ms: number): bigint {
  return BigInt(Math.round(ms)) * 1_000_000n;
}
