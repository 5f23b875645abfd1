import { CairnError } from '../../base/errors.ts';
import type { IndexId } from '../../base/ids.ts';
import { SETTLE_MS } from '../../repository/lock/settling.ts';
import type { Repository } from '../../repository/repository.ts';
import { openSession, type VaultSession, type VaultSettings } from '../vault-session.ts';

/**
 * A shared lock that is being taken. Taking one means to wait and look again, a fifth of a second in which
 * reading can go on; only writing has to wait for `settled`. Where somebody else holds the vault, or may have held it since the first look without having been seen,
 * reading waits as well: a prune that ends meanwhile removes index files and packs that were read of before.
 */
export class SettlingLock implements AsyncDisposable {
  /** Resolves when the lock is held; rejects with the reason when it cannot be had. */
  readonly settled: Promise<VaultSession>;
  /** Aborts with the caller's signal, when the lock cannot be had, and when it is lost. */
  readonly signal: AbortSignal;
  /** Aborts when the lock cannot be had, and when it is lost. */
  readonly lost: AbortSignal;
  /** Whether nobody can have changed the vault and gone, unseen, since reading began. */
  readonly #isSure: Promise<boolean>;

  constructor(repository: Repository, settings: VaultSettings, signal: AbortSignal) {
    const stop = new AbortController();
    this.lost = stop.signal;
    this.signal = AbortSignal.any([signal, stop.signal]);
    const sure = Promise.withResolvers<boolean>();
    this.#isSure = sure.promise;
    const late = new AbortController();
    const before = new IndexBefore(repository, this.signal);
    let state: 'looks' | 'reads' | 'waits' = 'looks';
    this.settled = openSession(repository, settings, {
      mode: 'shared',
      purpose: 'write',
      signal: AbortSignal.any([signal, late.signal]),
      onLook: (isFree) => {
        if (state === 'reads' && !isFree) late.abort(metAnother());
        if (state === 'looks') state = isFree ? 'reads' : 'waits';
        if (!isFree) sure.resolve(false);
      },
      onWritten: (afterMs) => {
        const isSure = before.isKnown || afterMs < SETTLE_MS;
        if (!isSure) state = 'waits';
        sure.resolve(isSure);
      },
    }).then(async (session) => {
      if (state === 'reads') await before.assertThere(session);
      return session;
    });
    this.settled.then(
      (session) => {
        const onLost = (): void => stop.abort(session.signal.reason);
        if (session.signal.aborted) onLost();
        else session.signal.addEventListener('abort', onLost, { once: true });
      },
      (error: unknown) => {
        sure.resolve(false);
        stop.abort(error);
      },
    );
  }

  /** What `load` reads of the vault, at a time from which on nobody else can have changed what it relies on. */
  async read<T>(load: () => Promise<T>): Promise<T> {
    const early = load();
    // Beside the look, which mostly finds nobody.
    early.catch(() => {});
    if (await this.#isSure) return early;
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

/**
 * The index files of a folder of this machine from before anything was read. There nobody waits for a lock to settle, so that somebody else may have come and gone
 * before ours was written; but who removes packs removes the index files that list them. A listing costs nothing there; of a server, where it is a request,
 * nothing is known.
 */
class IndexBefore {
  /** Whether it can be told afterwards. */
  readonly isKnown: boolean;
  readonly #repository: Repository;
  readonly #signal: AbortSignal;
  readonly #ids: Promise<ReadonlySet<IndexId>>;

  constructor(repository: Repository, signal: AbortSignal) {
    this.isKnown = repository.origin.features.localPath !== undefined;
    this.#repository = repository;
    this.#signal = signal;
    this.#ids = this.isKnown ? this.#list() : Promise.resolve(new Set());
    this.#ids.catch(() => {});
  }

  /** Ends the session and throws where one is gone. */
  async assertThere(session: VaultSession): Promise<void> {
    if (!this.isKnown) return;
    try {
      const now = await this.#list();
      for (const id of await this.#ids) if (!now.has(id)) throw metAnother();
    } catch (error) {
      await session[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #list(): Promise<ReadonlySet<IndexId>> {
    const ids = new Set<IndexId>();
    for await (const { id } of this.#repository.listIds('index', { signal: this.#signal })) ids.add(id);
    return ids;
  }
}

/** Both looked, saw nobody, and wrote their locks: what was read since may be what the other one removes. */
function metAnother(): CairnError {
  return new CairnError('VAULT_LOCKED', 'another program took the vault at the same moment', {
    hint: 'Run the command again; nothing was written.',
    retry: 'later',
  });
}
