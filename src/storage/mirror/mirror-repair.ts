import { createHash } from 'node:crypto';
import { equalBytes } from '../../base/bytes.ts';
import { mapConcurrent } from '../../base/concurrency.ts';
import { hasCode, messageOf } from '../../base/errors.ts';
import { isId } from '../../base/ids.ts';
import type { ObjectInfo, ObjectName, Storage, StorageOptions } from '../storage.ts';

/** What one storage of a mirror needs to hold what the first one does. */
export interface MirrorRepairPlan {
  readonly url: string;
  readonly copy: readonly ObjectInfo[];
  readonly copyBytes: number;
  /** What only it has: the first one removed it. */
  readonly remove: readonly ObjectName[];
}

export interface MirrorRepairResult {
  readonly url: string;
  readonly copied: number;
  readonly copiedBytes: number;
  readonly removed: number;
  /** What could not be copied or removed. */
  readonly problems: readonly { readonly name: ObjectName; readonly message: string }[];
}

export interface RepairProgress {
  readonly bytes: number;
  readonly totalBytes: number;
  readonly objects: number;
  readonly totalObjects: number;
  readonly problems: number;
}

export interface RepairRules {
  /** Written from low to high and removed from high to low: what refers to others comes after them. */
  readonly rank: (name: ObjectName) => number;
  /** Objects that are not copied, such as locks. */
  readonly isPassing: (name: ObjectName) => boolean;
  /** Objects whose content may differ under one name and size: they are compared. */
  readonly isMutable: (name: ObjectName) => boolean;
  /** Objects that stand apart: where one cannot be copied, only what needs it is not copied either. */
  readonly isApart?: ((name: ObjectName) => boolean) | undefined;
  /** What has to be there first; of a lower rank. */
  readonly needs?: ((name: ObjectName) => ObjectName | undefined) | undefined;
  /** SHA-256 of an object in hexadecimal, where it is known, as for objects that are named by it. */
  readonly sha256?: ((name: ObjectName, options: StorageOptions) => Promise<string | undefined>) | undefined;
  /** Whether a copy may be put in a cold class. */
  readonly isCold?: ((name: ObjectName) => boolean) | undefined;
}

/** Compares all objects of two storages by name and size. Changes nothing. */
export async function planMirrorRepair(
  first: Storage,
  member: Storage,
  rules: RepairRules,
  options: StorageOptions = {},
): Promise<MirrorRepairPlan> {
  // The member first: what was written to both meanwhile is then not taken for something that only it has.
  const held = new Map<ObjectName, number>();
  for await (const { name, sizeBytes } of member.list('', options)) {
    if (!rules.isPassing(name)) held.set(name, sizeBytes);
  }
  const copy: ObjectInfo[] = [];
  for await (const info of first.list('', options)) {
    if (rules.isPassing(info.name)) continue;
    const isThere = held.get(info.name) === info.sizeBytes;
    if (!isThere || (rules.isMutable(info.name) && !(await isSame(first, member, info.name, options)))) copy.push(info);
    held.delete(info.name);
  }
  const byRank = (a: ObjectName, b: ObjectName): number => rules.rank(a) - rules.rank(b);
  return {
    url: member.url,
    copy: copy.toSorted((a, b) => byRank(a.name, b.name)),
    copyBytes: copy.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    remove: [...held.keys()].toSorted((a, b) => byRank(b, a)),
  };
}

/**
 * Carries out a plan: copies, then removes, all of one rank before the next, so that the member is whole at every
 * instant. Where something fails that does not stand apart, no later rank is touched. Objects whose hash is known are
 * verified on the way.
 */
export async function applyMirrorRepair(
  first: Storage,
  member: Storage,
  plan: MirrorRepairPlan,
  rules: RepairRules,
  options: StorageOptions & { readonly onProgress?: (progress: RepairProgress) => void } = {},
): Promise<MirrorRepairResult> {
  const repair = new Repair(first, member, plan, rules, options);
  await repair.run();
  return repair.result;
}

class Repair {
  readonly #first: Storage;
  readonly #member: Storage;
  readonly #plan: MirrorRepairPlan;
  readonly #rules: RepairRules;
  readonly #options: StorageOptions & { readonly onProgress?: (progress: RepairProgress) => void };
  readonly #problems: { readonly name: ObjectName; readonly message: string }[] = [];
  #copied = 0;
  #copiedBytes = 0;
  #removed = 0;

  constructor(
    first: Storage,
    member: Storage,
    plan: MirrorRepairPlan,
    rules: RepairRules,
    options: StorageOptions & { readonly onProgress?: (progress: RepairProgress) => void },
  ) {
    this.#first = first;
    this.#member = member;
    this.#plan = plan;
    this.#rules = rules;
    this.#options = options;
  }

  get result(): MirrorRepairResult {
    return {
      url: this.#plan.url,
      copied: this.#copied,
      copiedBytes: this.#copiedBytes,
      removed: this.#removed,
      problems: this.#problems,
    };
  }

  async run(): Promise<void> {
    const { signal } = this.#options;
    const { copy, remove } = this.#plan;
    const { rank } = this.#rules;
    const limit = Math.max(1, Math.min(this.#first.features.connections, this.#member.features.connections));
    await this.#member.create({ signal });
    for (const group of groupsBy(copy, ({ name }) => rank(name))) {
      await mapConcurrent(group, { limit, signal }, (info) => this.#copy(info));
      if (this.#problems.some(({ name }) => this.#rules.isApart?.(name) !== true)) return;
    }
    for (const group of groupsBy(remove, rank)) {
      await this.#member.removeMany(group, { signal });
      this.#removed += group.length;
      this.#tell();
    }
  }

  async #copy({ name, sizeBytes }: ObjectInfo): Promise<void> {
    const { signal } = this.#options;
    const needed = this.#rules.needs?.(name);
    if (needed !== undefined && this.#problems.some((problem) => problem.name === needed)) return;
    try {
      const id = name.slice(name.lastIndexOf('/') + 1);
      const sha256 = isId(id) ? id : await this.#rules.sha256?.(name, { signal });
      const pieces = verified(piecesOf(this.#first, name, sizeBytes, signal), sha256);
      const options = { signal, cold: this.#rules.isCold?.(name) ?? false };
      if (sizeBytes > WHOLE_BYTES) await this.#member.writeStream(name, pieces, options);
      else await this.#member.write(name, await Array.fromAsync(pieces), options);
      this.#copied++;
      this.#copiedBytes += sizeBytes;
    } catch (error) {
      signal?.throwIfAborted();
      // Gone since the plan was made: there is nothing to copy any more.
      if (!hasCode(error, 'OBJECT_MISSING')) this.#problems.push({ name, message: messageOf(error) });
    }
    this.#tell();
  }

  #tell(): void {
    const { copy, copyBytes, remove } = this.#plan;
    this.#options.onProgress?.({
      bytes: this.#copiedBytes,
      totalBytes: copyBytes,
      objects: this.#copied + this.#removed,
      totalObjects: copy.length + remove.length,
      problems: this.#problems.length,
    });
  }
}

async function isSame(first: Storage, member: Storage, name: ObjectName, options: StorageOptions): Promise<boolean> {
  return equalBytes(await first.read(name, options), await member.read(name, options));
}

/** Larger objects go in pieces: several are copied at once. */
const WHOLE_BYTES = 32 * 1024 * 1024;
const PIECE_BYTES = 8 * 1024 * 1024;

async function* piecesOf(
  storage: Storage,
  name: ObjectName,
  sizeBytes: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  if (sizeBytes <= WHOLE_BYTES) {
    yield await storage.read(name, { signal });
    return;
  }
  for (let offset = 0; offset < sizeBytes; offset += PIECE_BYTES) {
    yield await storage.read(name, { offset, length: Math.min(PIECE_BYTES, sizeBytes - offset), signal });
  }
}

/** Damage must not spread: a stream whose hash does not match ends with an error. */
async function* verified(
  pieces: AsyncIterable<Uint8Array>,
  sha256: string | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  const hash = createHash('sha256');
  for await (const piece of pieces) {
    if (sha256 !== undefined) hash.update(piece);
    yield piece;
  }
  if (sha256 === undefined || hash.digest('hex') === sha256) return;
  throw new Error('it is damaged where it comes from: its content does not match its name, or what is known of it');
}

/** Runs of items with the same key; they are sorted by it. */
function* groupsBy<T>(items: readonly T[], key: (item: T) => number): Generator<T[]> {
  let group: T[] = [];
  for (const item of items) {
    const [head] = group;
    if (head !== undefined && key(head) !== key(item)) {
      yield group;
      group = [];
    }
    group.push(item);
  }
  if (group.length > 0) yield group;
}
