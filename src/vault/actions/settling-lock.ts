import { CairnError } from '../../base/errors.ts';
import type { Repository } from '../../repository/repository.ts';
import { openSession, type VaultSession, type VaultSettings } from '../vault-session.ts';

/**
 * A shared lock that is being taken. Taking one means to wait and look again, a fifth of a second in which
 * reading can go on; only writing has to wait for `settled`. Where somebody else holds the vault, reading waits as well: a
 * prune that ends meanwhile removes index files and packs that were read of before.
 */
export class SettlingLock implements AsyncDisposable {
  /** Resolves when the lock is held; rejects with the reason when it cannot be had. */
  readonly settled: Promise<VaultSession>;
  /** Aborts with the caller's signal, when the lock cannot be had, and when it is lost. */
  readonly signal: AbortSignal;
  /** Aborts when the lock cannot be had, and when it is lost. */
  readonly lost: AbortSignal;
  /** Whether the first look found nobody else. */
  readonly #wasFree: Promise<boolean>;

  constructor(repository: Repository, settings: VaultSettings, signal: AbortSignal) {
    const stop = new AbortController();
    this.lost = stop.signal;
    this.signal = AbortSignal.any([signal, stop.signal]);
    const first = Promise.withResolvers<boolean>();
    this.#wasFree = first.promise;
    const late = new AbortController();
    let state: 'looks' | 'reads' | 'waits' = 'looks';
    this.settled = openSession(repository, settings, {
      mode: 'shared',
      purpose: 'write',
      signal: AbortSignal.any([signal, late.signal]),
      onLook: (isFree) => {
        if (state === 'reads' && !isFree) late.abort(metAnother());
        if (state === 'looks') state = isFree ? 'reads' : 'waits';
        first.resolve(isFree);
      },
    });
    this.settled.then(
      (session) => {
        const onLost = (): void => stop.abort(session.signal.reason);
        if (session.signal.aborted) onLost();
        else session.signal.addEventListener('abort', onLost, { once: true });
      },
      (error: unknown) => {
        first.resolve(false);
        stop.abort(error);
      },
    );
  }

  /** What `load` reads of the vault, at a time from which on nobody else can have changed what it relies on. */
  async read<T>(load: () => Promise<T>): Promise<T> {
    const early = load();
    // Beside the look, which mostly finds nobody.
    early.catch(() => {});
    if (await this.#wasFree) return early;
    await this.settled;
    return load();
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

/** Both looked, saw nobody, and wrote their locks: what was read since may be what the other one removes. */
function metAnother(): CairnError {
  return new CairnError('VAULT_LOCKED', 'another program took the vault at the same moment', {
    hint: 'Run the command again; nothing was written.',
    retry: 'later',
  });
}
