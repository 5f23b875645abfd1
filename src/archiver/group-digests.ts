import type { Codec } from '../kernels/codec.ts';
import { EntryDigest } from './entry-digest.ts';

/** Half of a SHA-256: what two different groups have in common only if somebody tried 2^64 of them. */
export const GROUP_DIGEST_BYTES = 16;

/** The groups of a run, or what is left of them. */
export interface GroupsLeft {
  /** How many entries each has. */
  readonly groups: Uint8Array;
  /** What was added of the first of them before. */
  readonly begun: Uint8Array;
}

export const NOTHING_BEGUN: Uint8Array = new Uint8Array(0);

/** The digests of a run of leaves, one for each of its groups (see `LeafNames`). */
export class GroupDigests {
  readonly #entries: EntryDigest;
  readonly #whole = new Uint8Array(32);
  readonly #half = this.#whole.subarray(0, GROUP_DIGEST_BYTES);
  #groups: Uint8Array = new Uint8Array(0);
  #digests = new Uint8Array(0);
  #group = 0;
  #left = 0;

  constructor(codec: Codec) {
    this.#entries = new EntryDigest(codec);
  }

  /** Begins a run whose groups have so many entries each, or goes on with one. */
  begin({ groups, begun }: GroupsLeft): void {
    this.#entries.clear();
    this.#entries.addBytes(begun);
    this.#groups = groups;
    this.#digests = new Uint8Array(groups.length * GROUP_DIGEST_BYTES);
    this.#group = 0;
    this.#left = groups[0] ?? 0;
  }

  /** The number of the group that the next entry belongs to. */
  get group(): number {
    return this.#group;
  }

  add(name: Uint8Array, stat: BigInt64Array): void {
    this.#entries.add(name, stat);
    if (--this.#left > 0) return;
    this.#entries.take(this.#whole);
    this.#digests.set(this.#half, this.#group * GROUP_DIGEST_BYTES);
    this.#left = this.#groups[++this.#group] ?? 0;
  }

  /** The digests of the groups of which every entry was added. */
  take(): Uint8Array {
    return this.#digests.subarray(0, this.#group * GROUP_DIGEST_BYTES);
  }

  /** What another goes on with, to which the entries that are left are added. */
  left(): GroupsLeft {
    const groups = this.#groups.slice(this.#group);
    if (groups.length > 0) groups[0] = this.#left;
    return { groups, begun: this.#entries.pending };
  }
}
