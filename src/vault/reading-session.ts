import { SETTLE_MS } from '../repository/lock/settling.ts';
import type { Repository } from '../repository/repository.ts';
import { openSession, type SessionOptions, type VaultSession, type VaultSettings } from './vault-session.ts';

export interface ReadingSession<T> {
  readonly session: VaultSession;
  readonly loaded: T;
  /** It was read before the lock was held, while nobody was there who could change what it says. */
  readonly isEarly: boolean;
}

/**
 * A lock, and what is read under it. Of a server it is read while the lock is taken, which is four round trips and a pause, from the first look on
 * that finds nobody. What somebody else does then, who has not been seen, he does after he has looked in turn, a fifth of a second after his lock was written; by
 * then ours is there, if it did not take that long. It is given only when the lock is held, and read again where
 * somebody was met, or may have been. The caller disposes the session.
 */
export async function openReadingSession<T>(
  repository: Repository,
  settings: VaultSettings,
  options: Pick<SessionOptions, 'mode' | 'purpose' | 'signal'>,
  load: (signal: AbortSignal) => Promise<T>,
): Promise<ReadingSession<T>> {
  await using ahead = new ReadAhead(load, options.signal);
  const { localPath } = repository.origin.features;
  const session = await openSession(repository, settings, {
    ...options,
    onLook: (isFree) => {
      if (!isFree) ahead.drop();
      // In a folder of this machine others do not wait for a lock to settle, and reading costs little.
      else if (localPath === undefined) ahead.begin();
    },
    onWritten: (afterMs) => {
      if (afterMs >= SETTLE_MS) ahead.drop();
    },
  });
  try {
    const early = await ahead.take(session.signal);
    if (early !== undefined) return { session, loaded: early.loaded, isEarly: true };
    return { session, loaded: await load(session.signal), isEarly: false };
  } catch (error) {
    await session[Symbol.asyncDispose]();
    throw error;
  }
}

/** At its end nothing of it goes on. */
class ReadAhead<T> implements AsyncDisposable {
  readonly #load: (signal: AbortSignal) => Promise<T>;
  readonly #signal: AbortSignal | undefined;
  #stop = new AbortController();
  #early: Promise<T> | undefined;
  /** Ends when none of those goes on any more that were dropped. */
  #dropped: Promise<unknown> = Promise.resolve();

  constructor(load: (signal: AbortSignal) => Promise<T>, signal: AbortSignal | undefined) {
    this.#load = load;
    this.#signal = signal;
  }

  begin(): void {
    this.#stop = new AbortController();
    const { signal } = this.#stop;
    this.#early = this.#load(this.#signal === undefined ? signal : AbortSignal.any([this.#signal, signal]));
    // If it is taken, it is read again.
    this.#early.catch(() => {});
  }

  drop(): void {
    this.#stop.abort();
    this.#dropped = Promise.allSettled([this.#dropped, this.#early]);
    this.#early = undefined;
  }

  /** `undefined` where there is nothing that counts: that it failed may be the work of somebody whom nobody saw. */
  async take(lost: AbortSignal): Promise<{ readonly loaded: T } | undefined> {
    await this.#dropped;
    if (this.#early === undefined) return undefined;
    const stop = this.#stop;
    const onLost = (): void => stop.abort(lost.reason);
    if (lost.aborted) onLost();
    else lost.addEventListener('abort', onLost, { once: true });
    try {
      return { loaded: await this.#early };
    } catch {
      lost.throwIfAborted();
      this.#signal?.throwIfAborted();
      return undefined;
    } finally {
      lost.removeEventListener('abort', onLost);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.drop();
    await this.#dropped;
  }
}
