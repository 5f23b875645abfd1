import type { ErrorCode } from '../../base/error-codes.ts';

export type OutcomeStatus = 'ok' | 'partial' | 'failed';

/** How much an outcome matters: `info` for what went well, `warning` for half, `error` for not at all. */
export type Severity = 'info' | 'warning' | 'error';

/** What was to be done, for whom, where. */
export interface OutcomeSubject {
  /** `backup`, `restore`, `prune`, …: the first part of the event's name. */
  readonly action: string;
  /** The same in the events of one action. */
  readonly sessionId: string;
  readonly plan?: string | undefined;
  readonly source?: string | undefined;
  /** Address of the vault, without secrets. */
  readonly vault: string;
  /** The machine that did it. */
  readonly host: string;
  readonly started: Date;
}

export interface OutcomeProblem {
  readonly path: string;
  readonly code: string;
  readonly message: string;
}

export interface OutcomeError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint?: string | undefined;
}

/** How an action ended: the one document that every notifier is given. */
export interface Outcome extends OutcomeSubject {
  readonly status: OutcomeStatus;
  readonly ended: Date;
  /** The backup that was made or restored. */
  readonly backup?: { readonly id: string; readonly name: string } | undefined;
  /** What happened, in a few words: `3 backups removed`. */
  readonly summary: string;
  /** Bytes of the source that were looked at, or restored; `null` where an action has no such number. */
  readonly bytes: number | null;
  /** What the vault takes more than before, of a copy the other one; negative after a prune. */
  readonly storedBytes: number | null;
  /** The first of them; `problemCount` counts all. */
  readonly problems: readonly OutcomeProblem[];
  readonly problemCount: number;
  readonly error?: OutcomeError | undefined;
}

const severities: Readonly<Record<OutcomeStatus, Severity>> = { ok: 'info', partial: 'warning', failed: 'error' };

export function severityOf({ status }: Pick<Outcome, 'status'>): Severity {
  return severities[status];
}

const ranks: Readonly<Record<Severity, number>> = { info: 0, warning: 1, error: 2 };

/** The one that matters most; `info` of none. */
export function worstSeverity(all: readonly Severity[]): Severity {
  return all.reduce<Severity>((worst, next) => (ranks[next] > ranks[worst] ? next : worst), 'info');
}

export function isAtLeast(severity: Severity, least: Severity): boolean {
  return ranks[severity] >= ranks[least];
}
