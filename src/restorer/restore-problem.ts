import { resolve } from 'node:path';
import type { ErrorCode } from '../base/error-codes.ts';
import { isCairnError, messageOf } from '../base/errors.ts';

/** Something that was not restored, or not completely. */
export interface RestoreProblem {
  /** Path in the backup, as `ls` shows it: it starts with `/`; bytes that are not UTF-8 are shown as U+FFFD. */
  readonly path: string;
  /** Where it is restored to; `undefined` for an archive. */
  readonly target?: string | undefined;
  readonly code: ErrorCode;
  readonly message: string;
}

// A broken disk makes a problem of every file; the first ones tell what is wrong.
const MAX_KEPT = 10_000;

/** Whether the place that is restored to is at fault, not what is in the backup. */
export function isOfTarget({ code }: RestoreProblem): boolean {
  return targetCodes.has(code);
}

const targetCodes: ReadonlySet<ErrorCode> = new Set([
  'RESTORE_FAILED',
  'RESTORE_PARTIAL',
  'TARGET_EXISTS',
  'NOT_SUPPORTED',
]);

/** Where a restored tree comes from and goes to. */
export interface RestoredPlace {
  /** The folder of the backup, without a slash at its end; empty for its root. */
  readonly source: string;
  readonly target: string;
}

/** The problems of a run, in the order they were met. */
export class ProblemList {
  readonly #kept: RestoreProblem[] = [];
  readonly #onProblem: ((problem: RestoreProblem) => void) | undefined;
  readonly #place: RestoredPlace | undefined;
  #count = 0;

  constructor(onProblem?: (problem: RestoreProblem) => void, place?: RestoredPlace) {
    this.#onProblem = onProblem;
    this.#place = place;
  }

  /** All problems, also those beyond the ten thousand that are kept. */
  get count(): number {
    return this.#count;
  }

  get kept(): readonly RestoreProblem[] {
    return this.#kept;
  }

  /** The path in the backup of what is at `path` below the restored folder. */
  sourceOf(path: string): string {
    const source = this.#place?.source ?? '';
    return path === '/' && source !== '' ? source : source + path;
  }

  /** `path`: below the restored folder, starting with `/`. */
  add(path: string, code: ErrorCode, message: string): void {
    const target = this.#place === undefined ? undefined : resolve(this.#place.target, path.slice(1));
    const problem = { path: this.sourceOf(path), code, message, ...(target === undefined ? {} : { target }) };
    this.#count++;
    if (this.#kept.length < MAX_KEPT) this.#kept.push(problem);
    this.#onProblem?.(problem);
  }

  addError(path: string, error: unknown): void {
    this.add(path, isCairnError(error) ? error.code : 'RESTORE_FAILED', messageOf(error));
  }
}
