import type { Job } from '../../base/job.ts';
import type { MirrorMemberReport } from '../../storage/mirror/mirror-member.ts';
import type { MirrorRepairPlan, MirrorRepairResult } from '../../storage/mirror/mirror-repair.ts';
import type { MirroredStorage } from '../../storage/mirror/mirrored-storage.ts';
import type { ActionContext } from '../actions/backup-action.ts';

interface SignalOptions {
  readonly signal?: AbortSignal | undefined;
}

type StartJob = <R>(options: SignalOptions, run: (context: ActionContext) => Promise<R>) => Job<R>;

/** The storages of a mirrored vault: how they are, and how those that fell behind catch up. */
export class VaultMirror {
  readonly #mirror: MirroredStorage;
  readonly #start: StartJob;

  /** Got from `vault.mirror`. */
  constructor(mirror: MirroredStorage, start: StartJob) {
    this.#mirror = mirror;
    this.#start = start;
  }

  /** How the storages did in this run, without asking them. */
  report(): readonly MirrorMemberReport[] {
    return this.#mirror.report();
  }

  /** Compares what commits something, such as index and snapshots, in all of them. Throws `MIRROR_MISMATCH`. */
  async compare(options: SignalOptions = {}): Promise<readonly MirrorMemberReport[]> {
    await this.#mirror.compare(options);
    return this.#mirror.report();
  }

  /** Compares all objects by name and size; one plan for each storage but the first. Changes nothing. */
  planRepair(options: SignalOptions = {}): Job<readonly MirrorRepairPlan[]> {
    return this.#start(options, async (context) =>
      (await import('./repair-mirror.ts')).planRepairs(this.#mirror, context),
    );
  }

  /** Brings the others up to date. What cannot be copied is in `problems`, and its storage stays behind. */
  repair(plans: readonly MirrorRepairPlan[], options: SignalOptions = {}): Job<readonly MirrorRepairResult[]> {
    return this.#start(options, async (context) =>
      (await import('./repair-mirror.ts')).applyRepairs(this.#mirror, context, plans),
    );
  }
}
