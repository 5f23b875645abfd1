import type { Repository } from '../../repository/repository.ts';
import { openSession, type VaultSession, type VaultSettings } from '../vault-session.ts';

/**
 * A shared lock that is being taken. Taking one means to wait and look again, a fifth of a second in which
 * reading can go on; only writing has to wait for `settled`.
 */
export class SettlingLock implements AsyncDisposable {
  /** Resolves when the lock is held; rejects with the reason when it cannot be had. */
  readonly settled: Promise<VaultSession>;
  /** Aborts with the caller's signal, when the lock cannot be had, and when it is lost. */
  readonly signal: AbortSignal;
  /** Aborts when the lock cannot be had, and when it is lost. */
  readonly lost: AbortSignal;

  constructor(repository: Repository, settings: VaultSettings, signal: AbortSignal) {
    const stop = new AbortController();
    this.lost = stop.signal;
    this.signal = AbortSignal.any([signal, stop.signal]);
    this.settled = openSession(repository, settings, { mode: 'shared', purpose: 'write', signal });
    this.settled.then(
      (session) => {
        const onLost = (): void => stop.abort(session.signal.reason);
        if (session.signal.aborted) onLost();
        else session.signal.addEventListener('abort', onLost, { once: true });
      },
      (error: unknown) => stop.abort(error),
    );
  }

  async assertHeld(): Promise<void> {
    await (await this.settled).assertHeld();
  }

  /** Runs the work; when the lock cannot be had, that is the error, whatever the work ran into. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    try {
      const result = await work();
      await this.settled;
      return result;
    } catch (error) {
      await this.settled;
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const [session] = await Promise.allSettled([this.settled]);
    if (session.status === 'fulfilled') await session.value[Symbol.asyncDispose]();
  }
}
