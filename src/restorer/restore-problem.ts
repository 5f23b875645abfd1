import type { ErrorCode } from '../base/error-codes.ts';
import { isCairnError, messageOf } from '../base/errors.ts';

/** Something that was not restored, or not completely. */
export interface RestoreProblem {
  /** Path below the restored folder, starting with `/`; bytes that are not UTF-8 are shown as U+FFFD. */
  readonly path: string;
  readonly code: ErrorCode;
  readonly message: string;
}

// A broken disk makes a problem of every file; the first ones tell what is wrong.
const MAX_KEPT = 10_000;

/** The problems of a run, in the order they were met. */
export class ProblemList {
  readonly #kept: RestoreProblem[] = [];
  readonly #onProblem: ((problem: RestoreProblem) => void) | undefined;
  #count = 0;

  constructor(onProblem?: (problem: RestoreProblem) => void) {
    this.#onProblem = onProblem;
  }

  /** All problems, also those beyond the ten thousand that are kept. */
  get count(): number {
    return this.#count;
  }

  get kept(): readonly RestoreProblem[] {
    return this.#kept;
  }

  add(path: string, code: ErrorCode, message: string): void {
    const problem = { path, code, message };
    this.#count++;
    if (this.#kept.length < MAX_KEPT) this.#kept.push(problem);
    this.#onProblem?.(problem);
  }

  addError(path: string, error: unknown): void {
    this.add(path, isCairnError(error) ? error.code : 'RESTORE_FAILED', messageOf(error));
  }
}
