import { type Clock, msToNs } from '../../base/clock.ts';
import { CairnError, isCairnError, messageOf } from '../../base/errors.ts';
import type { ObjectName, Storage, StorageOptions, WriteOptions } from '../storage.ts';
import { withinMs } from '../within-ms.ts';
import type { MirrorMember } from './mirror-member.ts';

/** A member that was given up already has had its time: what it does not do within this stays undone. */
const GIVEN_UP_MS = 5_000;
/** One that was never heard of gets no longer to take its first lock. Later ones may stand behind packs on a slow line. */
const FIRST_MS = 30_000;
/** A lock is written anew every five minutes; each time a member that was down is asked once more. */
const DOWN_MS = 4 * 60_000;

/** What stays in a member though nobody needs it any more. */
export interface LeftObject {
  readonly url: string;
  readonly name: ObjectName;
  /** Why it could not be removed, where that is known. */
  readonly error: unknown;
}

/**
 * Objects that come and go, such as locks, and say nothing of what a member holds. They are in the other members too, for
 * those who open one of them alone; a failure there does not make a member fall behind. One that does not answer is tried
 * once, so that nobody waits for it again.
 */
export class PassingObjects {
  readonly #first: MirrorMember;
  readonly #others: readonly MirrorMember[];
  readonly #clock: Clock;
  readonly #onLeft: (left: LeftObject) => void;
  /** Members that took something. */
  readonly #known = new Set<MirrorMember>();
  readonly #downUntilNs = new Map<MirrorMember, bigint>();

  constructor(members: readonly MirrorMember[], clock: Clock, onLeft: (left: LeftObject) => void) {
    const [first, ...others] = members;
    if (first === undefined) throw new CairnError('ARGUMENT_INVALID', 'a mirror needs at least one storage');
    this.#first = first;
    this.#others = others;
    this.#clock = clock;
    this.#onLeft = onLeft;
  }

  isDown(member: MirrorMember): boolean {
    return this.#clock.nowNs() < (this.#downUntilNs.get(member) ?? 0n);
  }

  async write(name: ObjectName, data: Uint8Array | readonly Uint8Array[], options: WriteOptions): Promise<void> {
    await this.#first.storage.write(name, data, options);
    this.#first.passing.add(name);
    const others = this.#others.filter((member) => !member.isBehind && !this.isDown(member));
    await Promise.all(others.map((member) => this.#writeToOther(member, name, data, options)));
  }

  /** Also where a member fell behind since it was written, or the first is gone: a lock in one of them shuts others out. */
  async remove(name: ObjectName, options: StorageOptions): Promise<void> {
    const others = this.#others.map((member) => this.#removeFromOther(member, name, options));
    const [first] = await Promise.allSettled([this.#removeFromFirst(name, options), ...others]);
    if (first.status === 'rejected') throw first.reason;
  }

  /** Tells what nobody could be told of yet, because the removal was stopped. Of the first member, whoever removes is told. */
  tellLeft(): void {
    for (const member of this.#others) {
      for (const name of member.passing) this.#tell(member, name, undefined);
    }
  }

  async #removeFromFirst(name: ObjectName, options: StorageOptions): Promise<void> {
    const first = this.#first;
    try {
      // What this run wrote is removed at its end, which nothing depends on. Whatever else goes is in somebody's way.
      if (first.isGivenUp && first.passing.has(name)) await this.#removeSoon(first, name, options);
      else await first.storage.remove(name, options);
    } catch (error) {
      if (options.signal?.aborted !== true) first.gaveUp(error);
      throw error;
    }
    first.passing.delete(name);
    first.heard();
  }

  /** Never rejects. */
  async #writeToOther(
    member: MirrorMember,
    name: ObjectName,
    data: Uint8Array | readonly Uint8Array[],
    options: WriteOptions,
  ): Promise<void> {
    const write = (signal: AbortSignal | undefined): Promise<void> =>
      member.once.write(name, data, { ...options, signal });
    try {
      if (this.#known.has(member)) await write(options.signal);
      else await this.#within(FIRST_MS, options, write);
      member.passing.add(name);
      this.#known.add(member);
      this.#up(member);
    } catch {
      if (options.signal?.aborted !== true) this.#down(member);
    }
  }

  /** Throws what is not worth another try. */
  async #removeSoon({ once }: MirrorMember, name: ObjectName, options: StorageOptions): Promise<void> {
    try {
      await this.#within(GIVEN_UP_MS, options, (signal) => once.remove(name, { signal }));
    } catch (error) {
      options.signal?.throwIfAborted();
      const code = isCairnError(error) ? error.code : 'STORAGE_UNREACHABLE';
      throw new CairnError(code, `${once.url} was given up before: ${messageOf(error)}`, { cause: error });
    }
  }

  /** Never rejects. */
  async #removeFromOther(member: MirrorMember, name: ObjectName, options: StorageOptions): Promise<void> {
    const isOurs = member.passing.has(name);
    const isDown = this.isDown(member);
    if (isDown && !isOurs) return;
    const remove = (storage: Storage, signal: AbortSignal | undefined): Promise<void> =>
      storage.remove(name, { signal });
    try {
      if (isDown || member.isGivenUp) await this.#within(GIVEN_UP_MS, options, (signal) => remove(member.once, signal));
      else await remove(member.once, options.signal);
      member.passing.delete(name);
      this.#up(member);
    } catch (error) {
      if (options.signal?.aborted === true) return;
      this.#down(member);
      if (isOurs) this.#tell(member, name, error);
    }
  }

  #tell(member: MirrorMember, name: ObjectName, error: unknown): void {
    member.passing.delete(name);
    this.#onLeft({ url: member.storage.url, name, error });
  }

  #within<T>(ms: number, { signal }: StorageOptions, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return withinMs(ms, { clock: this.#clock, signal }, run);
  }

  #down(member: MirrorMember): void {
    this.#downUntilNs.set(member, this.#clock.nowNs() + msToNs(DOWN_MS));
  }

  #up(member: MirrorMember): void {
    this.#downUntilNs.delete(member);
    member.heard();
  }
}
