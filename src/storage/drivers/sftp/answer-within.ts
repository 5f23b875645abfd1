type Callback<T> = (error: Error | null | undefined, value: T) => void;

export interface AnswerWithin<T> {
  readonly limitMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Given what comes after nobody waits any more, to close it. */
  readonly late: (value: T) => void;
}

/**
 * What a server answers to a request that it may leave open for ever. Rejects with its refusal, with the reason of an
 * aborted signal, or with an error after `limitMs`.
 */
export function answerWithin<T>(start: (done: Callback<T>) => void, options: AnswerWithin<T>): Promise<T> {
  const { limitMs, signal, late } = options;
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    let settled = false;
    const settle = (): boolean => {
      if (settled) return false;
      settled = true;
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      return true;
    };
    const fail = (error: unknown): void => {
      if (settle()) reject(error);
    };
    const onAbort = (): void => fail(signal?.reason);
    const timer = setTimeout(() => fail(new SilentServer(limitMs)), limitMs);
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      start((error, value) => {
        if (error) fail(error);
        else if (settle()) resolve(value);
        else late(value);
      });
    } catch (error) {
      // ssh2 throws where the connection ended a moment ago.
      fail(error);
    }
  });
}

/** No answer came in time. */
export class SilentServer extends Error {
  constructor(limitMs: number) {
    super(`no answer in ${limitMs / 1000} s`);
    this.name = 'SilentServer';
  }
}
