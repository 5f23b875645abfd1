import { type Clock, msToNs, systemClock } from '../../base/clock.ts';
import { CairnError } from '../../base/errors.ts';
import type { LockId } from '../../base/ids.ts';
import { objectName } from '../layout.ts';
import type { Repository } from '../repository.ts';
import {
  acquireLock,
  type GivenUpLock,
  type LockContext,
  type LockMode,
  type LockNotice,
  VaultLockedError,
  writeLock,
} from './acquire-lock.ts';
import { clearingAway } from './once-stopped.ts';
import { SETTLE_MS } from './settling.ts';
import { surviveHangup } from './hangup.ts';
import { ownProcess, type ProcessIdentity } from './process-identity.ts';

/** A lock is written anew this often. */
const REFRESH_EVERY_MS = 5 * 60_000;
/** Work stops when no refresh succeeded for so long; others may take the lock for stale 7.5 min later. */
const LOST_AFTER_MS = 22.5 * 60_000;

/** A lock that was seen so recently needs no second look: what is done under it takes a moment, too. */
const SEEN_FOR_MS = 2_000;

const RETRY_REFRESH_MS = 60_000;
const WATCH_EVERY_MS = 5_000;
const RECOVERY_MS = 30_000;
const FIRST_RETRY_MS = 5_000;
const LONGEST_RETRY_MS = 60_000;

export interface LockOptions {
  readonly mode: LockMode;
  /** Keep trying for so long when the vault is locked; 0 by default. */
  readonly retryMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly clock?: Clock | undefined;
  readonly self?: ProcessIdentity | undefined;
  /** In [0, 1): by how much a pause is shorter. */
  readonly random?: (() => number) | undefined;
  readonly onNotice?: ((notice: LockNotice) => void) | undefined;
  /** A lock that is given up for this one, while others are looked for: released also where this one cannot be had. */
  readonly instead?: GivenUpLock | undefined;
  /**
   * Told whether a look finds nobody who excludes this lock: `true` before its file is written, `false` before a pause and where only a lock is there whose holder may be alive after all. What
   * is read from the first `true` on is good once the lock is held, unless a `false` comes after it, or `onWritten` tells of a long time.
   */
  readonly onLook?: ((isFree: boolean) => void) | undefined;
  /**
   * Told when the file of this lock is there, and how long after the look before it began. Somebody else who has looked since then, to be alone, waits for the time
   * that a lock takes to settle, and sees this one if it was written within that.
   */
  readonly onWritten?: ((afterMs: number) => void) | undefined;
}

/**
 * Takes a lock and keeps it fresh until it is disposed. Throws `VAULT_LOCKED` if somebody else holds one
 * that excludes it, `LOCK_CORRUPT` if a lock cannot be read.
 *
 * ```ts
 * await using lock = await lockRepository(repository, { mode: 'shared', signal });
 * await work({ signal: AbortSignal.any([signal, lock.signal]) });
 * ```
 */
export async function lockRepository(repository: Repository, options: LockOptions): Promise<RepositoryLock> {
  const context: LockContext = {
    repository,
    mode: options.mode,
    clock: options.clock ?? systemClock,
    self: options.self ?? ownProcess(),
    signal: options.signal,
    onNotice: options.onNotice ?? (() => {}),
    instead: options.instead,
    onLook: options.onLook,
    onWritten: options.onWritten,
  };
  // Before the lock file exists: restic may probe this process as soon as it does.
  const hangup = surviveHangup();
  try {
    const id = await acquireWithRetry(context, options.retryMs ?? 0, options.random ?? Math.random);
    return new RepositoryLock(context, id, hangup);
  } catch (error) {
    hangup[Symbol.dispose]();
    throw error;
  }
}

async function acquireWithRetry(context: LockContext, retryMs: number, random: () => number): Promise<LockId> {
  const { clock, signal } = context;
  const deadline = clock.nowNs() + msToNs(retryMs);
  let delayMs = FIRST_RETRY_MS;
  let attempt = context;
  for (;;) {
    try {
      return await acquireLock(attempt);
    } catch (error) {
      const leftMs = Number((deadline - clock.nowNs()) / 1_000_000n);
      if (!(error instanceof VaultLockedError) || leftMs <= 0) throw error;
      // Two that met, with equal pauses, would meet each time.
      const pauseMs = Math.min(delayMs * (1 - random() / 2), leftMs);
      context.onLook?.(false);
      // Given up by now: should its file be there still, it is in the way.
      attempt = { ...context, instead: undefined };
      context.onNotice({ type: 'waiting-for-lock', record: error.record, delayMs: pauseMs });
      await clock.sleep(pauseMs, signal);
      delayMs = Math.min(delayMs * 2, LONGEST_RETRY_MS);
    }
  }
}

/** A held lock. Dispose it to release it; disposing twice is fine and never throws. */
export class RepositoryLock implements GivenUpLock {
  readonly #context: LockContext;
  /** Aborts when the work under the lock is stopped. */
  readonly #stopped: AbortSignal | undefined;
  readonly #hangup: Disposable;
  readonly #lost = new AbortController();
  readonly #stop = new AbortController();
  readonly #loops: Promise<unknown>;
  /** Files of this lock that still exist, newest last. More than one only if removing an old one failed. */
  #files: LockId[];
  /** All files that it ever had. */
  readonly #ids = new Set<LockId>();
  #refreshedAt: bigint;
  #seenAt: bigint;
  #refreshing: Promise<void> | undefined;
  #disposed: Promise<void> | undefined;

  constructor(context: LockContext, id: LockId, hangup: Disposable) {
    this.#context = { ...context, signal: this.#stop.signal };
    this.#stopped = context.signal;
    this.#hangup = hangup;
    this.#files = [id];
    this.#ids.add(id);
    this.#refreshedAt = context.clock.nowNs();
    this.#seenAt = this.#refreshedAt;
    this.#loops = Promise.all([this.#refreshLoop(), this.#watchLoop()]);
  }

  /** Aborts with `LOCK_LOST` when the lock could not be refreshed in time or its file vanished: stop writing. */
  get signal(): AbortSignal {
    return this.#lost.signal;
  }

  get mode(): LockMode {
    return this.#context.mode;
  }

  /** The file that holds the lock now; a refresh changes it. */
  get id(): LockId {
    const id = this.#files.at(-1);
    if (id === undefined) throw new CairnError('LOCK_LOST', 'the lock was released');
    return id;
  }

  /**
   * Throws `LOCK_LOST` unless the lock is surely held. Call it before an irreversible step: a lock that somebody removed
   * (`unlock --remove-all`, a clock that is wrong) is missed at the next refresh only, and what relied on it may be pruned
   * by then. Costs one request where the lock was not looked at for two seconds, or for `seenForMs`: whoever will soon need to know asks early.
   */
  async assertHeld(seenForMs: number = SEEN_FOR_MS): Promise<void> {
    if (this.#isOverdue()) await this.#recover();
    this.#lost.signal.throwIfAborted();
    if (!this.#isSeenWithin(seenForMs)) await this.#look();
    this.#lost.signal.throwIfAborted();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#disposed ??= this.#release();
    return this.#disposed;
  }

  owns(id: LockId): boolean {
    return this.#ids.has(id);
  }

  async endRefreshing(): Promise<void> {
    this.#stop.abort();
    await this.#loops;
    await this.#refreshing?.catch(() => {});
  }

  async #release(): Promise<void> {
    await this.endRefreshing();
    const { repository, clock } = this.#context;
    for (const id of this.#files) {
      try {
        await clearingAway(this.#stopped, clock, (signal) => repository.removeFile('lock', id, { signal }));
      } catch (error) {
        this.#context.onNotice({ type: 'release-failed', id, error });
      }
    }
    this.#files = [];
    this.#hangup[Symbol.dispose]();
  }

  async #refreshLoop(): Promise<void> {
    let delayMs = REFRESH_EVERY_MS;
    while (await this.#pause(delayMs)) {
      try {
        await this.#refreshOnce();
        delayMs = REFRESH_EVERY_MS;
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        this.#context.onNotice({ type: 'refresh-failed', error });
        delayMs = RETRY_REFRESH_MS;
      }
    }
  }

  // Its own loop, because a refresh may hang, and because timers stand still in standby while the wall
  // clock does not.
  async #watchLoop(): Promise<void> {
    while (await this.#pause(WATCH_EVERY_MS)) {
      if (this.#isOverdue()) await this.#recover();
    }
  }

  // The last chance of a lock that is overdue: after standby it usually still exists.
  async #recover(): Promise<void> {
    const timeUp = new AbortController();
    const timer = this.#context.clock
      .sleep(RECOVERY_MS, AbortSignal.any([timeUp.signal, this.#stop.signal]))
      .catch(() => {});
    await Promise.race([this.#refreshOnce().catch(() => {}), timer]);
    timeUp.abort();
    if (this.#isOverdue() && !this.#stop.signal.aborted) this.#lose('it was not refreshed in time');
  }

  #refreshOnce(): Promise<void> {
    this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  // restic's rule after standby, followed at every refresh: go on only if the lock still exists before the
  // new file is written and the new file 200 ms later. Otherwise somebody took it for stale and removed it.
  async #refresh(): Promise<void> {
    const { repository, clock } = this.#context;
    const { signal } = this.#stop;
    if (!(await this.#exists(this.id))) {
      this.#lose('its file was removed');
      return;
    }
    const startedAt = clock.nowNs();
    const fresh = await writeLock(this.#context);
    const old = this.#files;
    this.#files = [...old, fresh];
    this.#ids.add(fresh);
    await clock.sleep(SETTLE_MS, signal);
    if (!(await this.#exists(fresh))) {
      this.#lose('its file was removed');
      return;
    }
    if (this.#lost.signal.aborted) return;
    this.#refreshedAt = startedAt;
    this.#seenAt = startedAt;
    for (const id of old) {
      await repository.removeFile('lock', id, { signal });
      this.#files = this.#files.filter((file) => file !== id);
    }
  }

  async #look(): Promise<void> {
    const startedAt = this.#context.clock.nowNs();
    let { id } = this;
    while (!(await this.#exists(id))) {
      if (id === this.id) {
        this.#lose('its file was removed');
        return;
      }
      // A refresh replaced it meanwhile.
      ({ id } = this);
    }
    this.#seenAt = startedAt;
  }

  #isSeenWithin(ms: number): boolean {
    const ageNs = this.#context.clock.nowNs() - this.#seenAt;
    // A clock that was set back says nothing.
    return ageNs >= 0n && ageNs <= msToNs(ms);
  }

  async #exists(id: LockId): Promise<boolean> {
    const { origin } = this.#context.repository;
    return (await origin.stat(objectName('lock', id), { signal: this.#stop.signal })) !== undefined;
  }

  #isOverdue(): boolean {
    return this.#context.clock.nowNs() - this.#refreshedAt > msToNs(LOST_AFTER_MS);
  }

  #lose(why: string): void {
    const error = new CairnError('LOCK_LOST', `the lock on the vault was lost: ${why}`, {
      hint: 'run the command again; nothing that was finished is lost',
      retry: 'later',
    });
    this.#lost.abort(error);
  }

  // Resolves to false once the lock is released or lost.
  async #pause(delayMs: number): Promise<boolean> {
    try {
      await this.#context.clock.sleep(delayMs, this.#stop.signal);
      return !this.#stop.signal.aborted && !this.#lost.signal.aborted;
    } catch {
      return false;
    }
  }
}
