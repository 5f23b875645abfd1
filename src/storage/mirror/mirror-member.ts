import { isCairnError, messageOf } from '../../base/errors.ts';
import type { ObjectName, Storage } from '../storage.ts';

/** Weight of the newest measurement. */
const NEWEST = 0.3;
/** Longer reads are counted by pieces of this size, so that one of a big object does not make a storage look slow. */
const PIECE_BYTES = 256 * 1024;

/** Why a member does not hold what the first one does. */
export type BehindReason =
  /** Something of an earlier run is missing in it, or was removed from the first one only. */
  | { readonly kind: 'differs'; readonly missing: number; readonly extra: number }
  /** An operation of this run failed there. */
  | { readonly kind: 'failed'; readonly operation: string; readonly message: string };

/** What is known of one storage of a mirror. */
export interface MirrorMemberReport {
  readonly url: string;
  /** The one that counts: it is listed, and what it does not take is not written. */
  readonly isFirst: boolean;
  readonly state: 'in-step' | 'behind';
  readonly reason: BehindReason | undefined;
  /** Writes and removals of this run that it did not get. */
  readonly missedOperations: number;
  /** Objects that had to be read from another one in this run. */
  readonly failedReads: number;
}

/** One storage of a mirror, and how it did so far. */
export class MirrorMember {
  readonly storage: Storage;
  /** The same without retries, for what is not worth waiting for. */
  readonly once: Storage;
  readonly isFirst: boolean;
  missedOperations = 0;
  failedReads = 0;
  /** Passing objects of this run that it took and still has. */
  readonly passing: Set<ObjectName> = new Set<ObjectName>();
  #isGivenUp = false;
  #reason: BehindReason | undefined;
  /** Milliseconds for a small read, smoothed. */
  #pace: number | undefined;

  constructor(storage: Storage, once: Storage, isFirst: boolean) {
    this.storage = storage;
    this.once = once;
    this.isFirst = isFirst;
  }

  get isBehind(): boolean {
    return this.#reason !== undefined;
  }

  /** The pace of a member that was not asked yet is unknown. */
  get pace(): number | undefined {
    return this.#pace;
  }

  /** All its tries at something were in vain, and nothing of it was heard since. */
  get isGivenUp(): boolean {
    return this.#isGivenUp;
  }

  heard(): void {
    this.#isGivenUp = false;
  }

  /** A refusal is an answer. */
  gaveUp(error: unknown): void {
    this.#isGivenUp = isCairnError(error) && error.retry === 'later';
  }

  fallBehind(reason: BehindReason): void {
    this.#reason ??= reason;
  }

  catchUp(): void {
    this.#reason = undefined;
    this.missedOperations = 0;
  }

  answered(durationMs: number, bytes: number): void {
    this.heard();
    const pace = durationMs / Math.max(1, bytes / PIECE_BYTES);
    this.#pace = this.#pace === undefined ? pace : this.#pace * (1 - NEWEST) + pace * NEWEST;
  }

  /** One that fails is asked after the others for a while. */
  failed(error: unknown): void {
    this.gaveUp(error);
    this.failedReads++;
    this.#pace = (this.#pace ?? 0) * 2 + 100;
  }

  report(): MirrorMemberReport {
    return {
      url: this.storage.url,
      isFirst: this.isFirst,
      state: this.isBehind ? 'behind' : 'in-step',
      reason: this.#reason,
      missedOperations: this.missedOperations,
      failedReads: this.failedReads,
    };
  }
}

/** The reason of a failed operation. */
export function failedReason(operation: string, error: unknown): BehindReason {
  return { kind: 'failed', operation, message: messageOf(error) };
}
