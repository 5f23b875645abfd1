import type { ErrorCode } from './error-codes.ts';

/** Whether trying the same thing again can help: `later` = after a pause, `never` = not without a change. */
export type Retry = 'never' | 'later';

/** Typed facts about an error: ids, paths, sizes. Never a secret. */
export type ErrorFacts = Readonly<Record<string, string | number | bigint | boolean | readonly string[]>>;

export interface CairnErrorOptions {
  /** What the user can do about it, as a sentence. */
  readonly hint?: string;
  readonly retry?: Retry;
  readonly cause?: unknown;
  readonly facts?: ErrorFacts;
}

// A plugin brings its own copy of this file where it was installed apart from the program that loads it; both share
// these marks through the registry of symbols, so that `instanceof` holds across copies.
const errorMark = Symbol.for('cairn-backup.error');
const argumentErrorMark = Symbol.for('cairn-backup.argument-error');

function bears(value: unknown, mark: symbol): boolean {
  return typeof value === 'object' && value !== null && mark in value;
}

/**
 * The one error class of Cairn. Callers switch on `code`, which is stable and has a heading in
 * `docs/errors.md`; the text is for people and may change.
 */
export class CairnError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly retry: Retry;
  readonly facts: ErrorFacts;

  constructor(code: ErrorCode, message: string, options: CairnErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'CairnError';
    this.code = code;
    this.hint = options.hint;
    this.retry = options.retry ?? 'never';
    this.facts = options.facts ?? {};
  }

  static {
    Object.defineProperty(this.prototype, errorMark, { value: true });
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    return this === CairnError ? bears(value, errorMark) : Function.prototype[Symbol.hasInstance].call(this, value);
  }
}

/** A wrong argument of a library call. It is a `TypeError` as well, so that both ways of catching work. */
export class CairnArgumentError extends TypeError {
  readonly code = 'ARGUMENT_INVALID';
  readonly hint: string | undefined;
  readonly retry = 'never';
  readonly facts: ErrorFacts;

  constructor(message: string, options: CairnErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'CairnArgumentError';
    this.hint = options.hint;
    this.facts = options.facts ?? {};
  }

  static {
    Object.defineProperty(this.prototype, argumentErrorMark, { value: true });
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    return bears(value, argumentErrorMark);
  }
}

/** Any error that Cairn throws on purpose. */
export type KnownError = CairnError | CairnArgumentError;

export function isCairnError(error: unknown): error is KnownError {
  return error instanceof CairnError || error instanceof CairnArgumentError;
}

/** Whether `error` is a Cairn error with this code. */
export function hasCode(error: unknown, code: ErrorCode): error is KnownError {
  return isCairnError(error) && error.code === code;
}

/** The text of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The operating system's error name (`ENOENT`, `EACCES`, …), if `error` carries one. */
export function systemCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  // An error of ours says itself what went wrong, and where: its code is no answer of the system to its catcher.
  if (isCairnError(error)) return undefined;
  // Node's own complaints (`ERR_…`) are faults of a program, not answers of the system.
  return typeof error.code === 'string' && !error.code.startsWith('ERR_') ? error.code : undefined;
}
