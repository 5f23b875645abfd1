import { orAbort } from '../base/or-abort.ts';

/** Something took longer than it may; it goes on, and nobody waits for it. */
export class TimeLimitError extends Error {
  readonly limitMs: number;

  constructor(limitMs: number) {
    super(`took longer than ${limitMs} ms`);
    this.name = 'TimeLimitError';
    this.limitMs = limitMs;
  }
}

/**
 * Waits for code that is not ours, at most so long. Throws `TimeLimitError`, and the reason of an abort. What never yields
 * cannot be cut off.
 */
export async function withTimeLimit<T>(
  limitMs: number,
  run: () => T | PromiseLike<T>,
  signal?: AbortSignal,
): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new TimeLimitError(limitMs)), limitMs);
  try {
    const running = Promise.resolve(run());
    // It may fail later, when nobody listens any more.
    running.catch(() => {});
    return await orAbort(Promise.race([running, late.promise]), signal);
  } finally {
    clearTimeout(timer);
  }
}
