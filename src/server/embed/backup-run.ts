import { randomUUID } from 'node:crypto';
import { Redactor } from '../../app/notifications/redactor.ts';
import { isCairnError, messageOf } from '../../base/errors.ts';
import type { Job, Progress } from '../../base/job.ts';
import type { BackupResult } from '../../vault/actions/backup-action.ts';

// What an error says goes to whoever may ask, who need not be the one who knows the secrets.
const redactor = new Redactor();

export interface RunError {
  readonly code: string;
  readonly message: string;
  readonly hint: string | null;
}

/** A run as its JSON tells it. */
export interface RunDocument {
  readonly id: string;
  readonly source: string;
  readonly status: 'running' | 'complete' | 'partial' | 'unchanged' | 'failed';
  readonly started: string;
  readonly ended: string | null;
  /** The backup that was made, or the one that is the same. */
  readonly backup: string | null;
  readonly bytes: number | null;
  readonly problems: number;
  readonly error: RunError | null;
}

/** One backup that was asked for. */
export class BackupRun {
  readonly id: string = randomUUID();
  readonly source: string;
  /** Settles with the job and never rejects. */
  readonly ended: Promise<void>;
  readonly #job: Job<BackupResult>;
  #document: RunDocument;

  constructor(source: string, job: Job<BackupResult>, now: () => Date = () => new Date()) {
    this.source = source;
    this.#job = job;
    this.#document = {
      id: this.id,
      source,
      status: 'running',
      started: now().toISOString(),
      ended: null,
      backup: null,
      bytes: null,
      problems: 0,
      error: null,
    };
    this.ended = this.#follow(now);
  }

  get document(): RunDocument {
    return this.#document;
  }

  get isRunning(): boolean {
    return this.#document.status === 'running';
  }

  abort(): void {
    this.#job.abort(new Error('stopped on request'));
  }

  /** How far it is, until it has ended; a slow reader misses states. Never throws. */
  async *progress(): AsyncGenerator<Progress, void, undefined> {
    try {
      yield* this.#job;
    } catch {
      // Its document says what happened.
    }
    await this.ended;
  }

  async #follow(now: () => Date): Promise<void> {
    const end = (change: Partial<RunDocument>): void => {
      this.#document = { ...this.#document, ended: now().toISOString(), ...change };
    };
    try {
      const { status, id, counts, problems } = await this.#job;
      end({ status, backup: id, bytes: counts.totalBytes, problems: problems.length });
    } catch (error) {
      end({ status: 'failed', error: runError(error) });
    }
  }
}

export function runError(error: unknown): RunError {
  const hint = isCairnError(error) ? error.hint : undefined;
  return {
    code: isCairnError(error) ? error.code : 'INTERNAL',
    message: redactor.text(messageOf(error)),
    hint: hint === undefined ? null : redactor.text(hint),
  };
}
