import { type Clock, systemClock } from '../../base/clock.ts';
import { CairnError, isCairnError } from '../../base/errors.ts';
import { countingHandedOver } from '../layers/handed-over.ts';
import type {
  AbortStaleUploads,
  ColdStorage,
  ObjectInfo,
  ObjectName,
  OtherCopy,
  Presign,
  ReadOptions,
  Storage,
  StorageFeatures,
  StorageOptions,
  WriteOptions,
  WriteStreamOptions,
  WrittenStream,
  WrittenAt,
} from '../storage.ts';
import { compareMarkers } from './compare-markers.ts';
import { mirrorCold } from './mirror-cold.ts';
import { failedReason, MirrorMember, type MirrorMemberReport } from './mirror-member.ts';
import type { MirroredStorage, MirrorOptions } from './mirrored-storage.ts';
import { type AlsoIn, writeStreamToAll } from './mirror-stream.ts';
import { joinUrls } from './mirror-url.ts';
import { PassingObjects } from './passing-objects.ts';

/**
 * One storage out of several that hold the same. Writes go to all; the first one has to take them, and so many others
 * as `copies` says. A member that misses one gets no more, so that it stays what it was: an older state of the first,
 * whole in itself. Reads come from the nearest and, where that fails, from the others. Listings come from the first; where
 * that was never reached, from another, and then nothing is written.
 */
export function mirrored(storages: readonly Storage[], options: MirrorOptions): MirroredStorage {
  return new MirrorStorage(storages, options);
}

class MirrorStorage implements MirroredStorage {
  readonly members: readonly MirrorMember[];
  readonly #first: MirrorMember;
  readonly #options: MirrorOptions;
  readonly #clock: Clock;
  readonly #passing: PassingObjects;
  #compared: Promise<void> | undefined;
  #measured: Promise<void> | undefined;
  #firstAnswered = false;
  /** Listed in place of the first one: nothing decided from that listing may be written. */
  #substitute: MirrorMember | undefined;

  constructor(storages: readonly Storage[], options: MirrorOptions) {
    this.members = storages.map((storage, at) => new MirrorMember(storage, options.once?.[at] ?? storage, at === 0));
    const [first] = this.members;
    if (first === undefined) throw new CairnError('ARGUMENT_INVALID', 'a mirror needs at least one storage');
    this.#first = first;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#passing = new PassingObjects(this.members, this.#clock, (left) =>
      options.onChange?.({ type: 'left-in', ...left }),
    );
  }

  get url(): string {
    return joinUrls(this.members.map(({ storage }) => storage.url));
  }

  get features(): StorageFeatures {
    const all = this.members.map(({ storage }) => storage.features);
    return {
      ...this.#first.storage.features,
      atomicWrite: all.every(({ atomicWrite }) => atomicWrite),
      remote: all.some(({ remote }) => remote),
      resticNamesOnly: all.some(({ resticNamesOnly }) => resticNamesOnly === true),
      paced: all.every(({ paced }) => paced === true),
      handsOver: all.every(({ handsOver }) => handsOver === true),
      connections: Math.min(...all.map(({ connections }) => connections)),
      removeBatch: Math.min(...all.map(({ removeBatch }) => removeBatch ?? 1)),
      copies: all.length,
    };
  }

  get cold(): ColdStorage | undefined {
    return mirrorCold(this.members.map(({ storage }) => storage));
  }

  /** Done by the first member that can. */
  get presign(): Presign | undefined {
    const able = this.members.find(({ storage, isBehind }) => !isBehind && storage.presign !== undefined)?.storage;
    return able?.presign?.bind(able);
  }

  /** By the first member's clock, which all of its objects have in common. */
  get writtenAt(): WrittenAt | undefined {
    const first = this.#readable(this.#first);
    return first.writtenAt?.bind(first);
  }

  get others(): readonly OtherCopy[] {
    if (this.#substitute !== undefined) return [];
    return this.#others.map((member) => ({ storage: member.once, isDown: this.#passing.isDown(member) }));
  }

  get abortStaleUploads(): AbortStaleUploads | undefined {
    const able = this.members.map(({ storage }) => storage).filter((one) => one.abortStaleUploads !== undefined);
    if (able.length === 0) return undefined;
    return async (olderThanMs, options) => {
      let count = 0;
      for (const storage of able) count += (await storage.abortStaleUploads?.(olderThanMs, options)) ?? 0;
      return count;
    };
  }

  report(): readonly MirrorMemberReport[] {
    return this.members.map((member) => member.report());
  }

  async compare(options: StorageOptions = {}): Promise<void> {
    if (this.#substitute !== undefined) throw this.#readOnly();
    const { markers, isMark = () => true } = this.#options;
    for (const member of this.#others) {
      let difference;
      try {
        difference = await compareMarkers(this.#first.storage, member.storage, { markers, isMark }, options);
      } catch (error) {
        options.signal?.throwIfAborted();
        // Another vault: nothing may ever be written there.
        if (isCairnError(error) && error.code === 'MIRROR_MISMATCH') throw error;
        if (!member.isBehind) this.#behind(member, 'compare', error);
        continue;
      }
      if (difference === undefined) member.catchUp();
      else if (!member.isBehind) {
        member.fallBehind({ kind: 'differs', ...difference });
        this.#options.onChange?.({ type: 'behind', member: member.report() });
      }
    }
  }

  async create(options?: StorageOptions): Promise<void> {
    await this.#everywhere('create the storage', options, (storage) => storage.create(options), 'parallel');
  }

  async *list(prefix: string, options: StorageOptions = {}): AsyncGenerator<ObjectInfo> {
    let listed = 0;
    try {
      for await (const info of this.#readable(this.#first).list(prefix, options)) {
        this.#firstHeard();
        listed++;
        yield info;
      }
      this.#firstHeard();
    } catch (error) {
      if (listed > 0) throw error;
      yield* this.#replaceFirst(error, options).list(prefix, options);
    }
  }

  async stat(name: ObjectName, options: StorageOptions = {}): Promise<ObjectInfo | undefined> {
    try {
      const info = await this.#readable(this.#first).stat(name, options);
      this.#firstHeard();
      return info;
    } catch (error) {
      return this.#replaceFirst(error, options).stat(name, options);
    }
  }

  async read(name: ObjectName, options: ReadOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
    const { copy = 0, signal } = options;
    // What the nearest gave proved damaged: each is asked in turn. Their paces change, so those do not tell whose turn it is.
    const order = copy === 0 ? await this.#readOrder(name, options) : this.members;
    const from = copy === 0 ? 0 : (copy - 1) % order.length;
    let firstError: unknown;
    for (const member of [...order.slice(from), ...order.slice(0, from)]) {
      const started = this.#clock.nowNs();
      try {
        const counting = countingHandedOver(options);
        const bytes = await member.storage.read(name, counting.options);
        member.answered(Number(this.#clock.nowNs() - started) / 1e6, bytes.length + counting.bytes());
        if (!member.isFirst && copy === 0) this.#doubtFirst(name, member, firstError);
        return bytes;
      } catch (error) {
        signal?.throwIfAborted();
        if (isCairnError(error) && error.code === 'OBJECT_NAME_INVALID') throw error;
        member.failed(error);
        if (member.isFirst || firstError === undefined) firstError = error;
      }
    }
    throw firstError;
  }

  async write(name: ObjectName, data: Uint8Array | readonly Uint8Array[], options: WriteOptions = {}): Promise<void> {
    await this.#prepareChange(name, options);
    // What others refer to, or only one may write, goes to the first one first: no member is ever ahead of it.
    const isOrdered = options.ifAbsent === true || this.#options.markers.some((marker) => name.startsWith(marker));
    const order = isOrdered ? 'first-first' : 'parallel';
    if (this.#options.isPassing(name)) {
      await this.#passing.write(name, data, options);
      return this.#firstHeard();
    }
    await this.#everywhere(`write ${name}`, options, (storage) => storage.write(name, data, options), order);
    this.#assertEnough(name);
  }

  async writeStream(
    name: ObjectName,
    chunks: AsyncIterable<Uint8Array>,
    options: WriteStreamOptions = {},
  ): Promise<WrittenStream> {
    await this.#prepareChange(name, options);
    const others = this.#others.map(
      (member): AlsoIn =>
        (run) =>
          this.#alsoIn(member, `write ${name}`, options, run),
    );
    const written = await writeStreamToAll(this.#first.storage, others, name, chunks, options);
    this.#firstHeard();
    this.#assertEnough(name);
    return written;
  }

  async remove(name: ObjectName, options: StorageOptions = {}): Promise<void> {
    await this.#prepareChange(name, options);
    if (this.#options.isPassing(name)) return this.#passing.remove(name, options);
    await this.#everywhere(`remove ${name}`, options, (storage) => storage.remove(name, options), 'first-first');
  }

  async removeMany(names: readonly ObjectName[], options: StorageOptions = {}): Promise<void> {
    await this.#prepareChange(names.find((name) => !this.#options.isPassing(name)) ?? '', options);
    const what = `remove ${names.length} objects`;
    await this.#everywhere(what, options, (storage) => storage.removeMany(names, options), 'first-first');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#measured;
    this.#passing.tellLeft();
    const ends = await Promise.allSettled(this.members.map(({ storage }) => storage[Symbol.asyncDispose]()));
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
  }

  get #others(): readonly MirrorMember[] {
    return this.members.filter(({ isFirst }) => !isFirst);
  }

  #firstHeard(): void {
    this.#firstAnswered = true;
    this.#first.heard();
  }

  /** Before the first change that counts, all members are compared, once. */
  async #prepareChange(name: ObjectName, options: StorageOptions): Promise<void> {
    options.signal?.throwIfAborted();
    if (this.#substitute !== undefined) throw this.#readOnly();
    if (name === '' || this.#options.isPassing(name)) return;
    this.#compared ??= this.compare(options).catch((error: unknown) => {
      this.#compared = undefined;
      throw error;
    });
    await this.#compared;
  }

  async #everywhere(
    what: string,
    options: StorageOptions = {},
    run: (storage: Storage) => Promise<void>,
    order: 'parallel' | 'first-first',
  ): Promise<void> {
    const first = run(this.#first.storage);
    if (order === 'first-first') await first;
    const running = this.members.map((member) => (member.isFirst ? first : this.#alsoIn(member, what, options, run)));
    const [result] = await Promise.allSettled(running);
    if (result?.status === 'rejected') throw result.reason;
    this.#firstHeard();
  }

  /** Never rejects: a member that fails falls behind. */
  async #alsoIn(
    member: MirrorMember,
    what: string,
    { signal }: StorageOptions,
    run: (storage: Storage) => Promise<void>,
  ): Promise<void> {
    if (member.isBehind) {
      member.missedOperations++;
      return;
    }
    try {
      await run(member.storage);
      member.heard();
    } catch (error) {
      if (signal?.aborted === true) return;
      member.gaveUp(error);
      // Written by a try before, of which only the first member's answer was lost; and the same there as here.
      if (isCairnError(error) && error.code === 'OBJECT_EXISTS') return;
      member.missedOperations++;
      this.#behind(member, what, error);
    }
  }

  #behind(member: MirrorMember, what: string, error: unknown): void {
    if (member.isBehind) return;
    member.fallBehind(failedReason(what, error));
    this.#options.onChange?.({ type: 'behind', member: member.report() });
  }

  #assertEnough(name: ObjectName): void {
    const { copies = 1 } = this.#options;
    const inStep = this.members.filter(({ isBehind }) => !isBehind).length;
    if (inStep >= copies) return;
    throw new CairnError('MIRROR_BEHIND', `${name} is in ${inStep} storages, not in ${copies}: the others are behind`, {
      hint: 'Let the others catch up with `cairn mirror repair`, or ask for fewer copies.',
      facts: { copies, inStep, behind: this.members.filter(({ isBehind }) => isBehind).map((one) => one.storage.url) },
    });
  }

  async #readOrder(name: ObjectName, options: StorageOptions): Promise<readonly MirrorMember[]> {
    // An object that may be rewritten under its name is read from the first member.
    const { isPassing, isMutable, markers } = this.#options;
    const mayChange = isPassing(name) || markers.includes(name) || isMutable?.(name) === true;
    if (this.members.length === 1 || mayChange) return this.members;
    this.#measured ??= this.#measure(name, options);
    await this.#measured;
    return this.members.toSorted((a, b) => (a.pace ?? Infinity) - (b.pace ?? Infinity));
  }

  /** Asks all at once, and goes on with the first answer; the pace of the others stays unknown until they are read. */
  async #measure(name: ObjectName, { signal }: StorageOptions): Promise<void> {
    const losers = new AbortController();
    const stop = signal === undefined ? losers.signal : AbortSignal.any([signal, losers.signal]);
    const started = this.#clock.nowNs();
    const asked = this.members.map(async (member) => {
      if ((await member.storage.stat(name, { signal: stop })) === undefined) throw new Error('it does not hold it');
      member.answered(Number(this.#clock.nowNs() - started) / 1e6, 0);
      losers.abort();
    });
    await Promise.allSettled(asked);
    signal?.throwIfAborted();
  }

  #readable({ storage }: MirrorMember): Storage {
    return this.#substitute?.storage ?? storage;
  }

  /** The member to ask in place of the first one, which cannot be reached; throws `error` where there is none. */
  #replaceFirst(error: unknown, { signal }: StorageOptions): Storage {
    signal?.throwIfAborted();
    const [next] = this.#others;
    const mayPass = isCairnError(error) && error.retry === 'later';
    if (this.#firstAnswered || this.#substitute !== undefined || !mayPass || next === undefined) throw error;
    return this.#readFrom(next, error);
  }

  /**
   * A place without the object that every vault has at its root holds no vault, such as the folder that a disk is to be mounted
   * on. Its listings are empty, and are not those of the vault that another member has.
   */
  #doubtFirst(name: ObjectName, member: MirrorMember, error: unknown): void {
    const isGone = isCairnError(error) && (error.code === 'OBJECT_MISSING' || error.code === 'BUCKET_MISSING');
    if (isGone && this.#substitute === undefined && this.#options.markers.includes(name)) this.#readFrom(member, error);
  }

  #readFrom(member: MirrorMember, error: unknown): Storage {
    this.#substitute = member;
    this.#options.onChange?.({ type: 'first-unreachable', url: this.#first.storage.url, error });
    return member.storage;
  }

  #readOnly(): CairnError {
    return new CairnError(
      'STORAGE_READ_ONLY',
      `nothing is written while ${this.#first.storage.url}, the first of the mirror, cannot be reached or holds no vault`,
      { hint: 'Reading works. Mount its disk, or wait until it answers. Is it lost for good, name another one first.' },
    );
  }
}
