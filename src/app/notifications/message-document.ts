import type { NotificationMessage } from './notifier.ts';
import type { Outcome, OutcomeSubject } from './outcome.ts';

/** The message as data, for webhooks and commands; docs/json.md has its fields. */
export interface MessageDocument {
  /** `backup.before`, `backup.done`, `backup.failed`, `digest`, `test`. */
  readonly type: string;
  readonly timestamp: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export function messageDocument(message: NotificationMessage): MessageDocument {
  switch (message.kind) {
    case 'started': {
      const { subject } = message;
      return document(`${subject.action}.before`, subject.started, subjectData(subject));
    }
    case 'ended':
      return document(eventName(message.outcome), message.outcome.ended, outcomeData(message.outcome));
    case 'digest':
      return document('digest', message.until, {
        since: message.since.toISOString(),
        until: message.until.toISOString(),
        omitted: message.omitted,
        outcomes: message.outcomes.map(outcomeData),
      });
    case 'test':
      return document('test', message.time, { notifier: message.notifier, host: message.host });
    default:
      return message satisfies never;
  }
}

/** The event that an outcome comes from. */
function eventName({ action, status }: Pick<Outcome, 'action' | 'status'>): string {
  return `${action}.${status === 'failed' ? 'failed' : 'done'}`;
}

/** An outcome as JSON, also for the file in which digests wait. */
export function outcomeData(outcome: Outcome): Readonly<Record<string, unknown>> {
  return {
    ...subjectData(outcome),
    status: outcome.status,
    ended: outcome.ended.toISOString(),
    durationMs: outcome.ended.getTime() - outcome.started.getTime(),
    summary: outcome.summary,
    backup: outcome.backup ?? null,
    bytes: outcome.bytes,
    storedBytes: outcome.storedBytes,
    problems: outcome.problems,
    problemCount: outcome.problemCount,
    error: outcome.error === undefined ? null : { ...outcome.error, hint: outcome.error.hint ?? null },
  };
}

function subjectData(subject: OutcomeSubject): Readonly<Record<string, unknown>> {
  return {
    action: subject.action,
    sessionId: subject.sessionId,
    plan: subject.plan ?? null,
    source: subject.source ?? null,
    vault: subject.vault,
    host: subject.host,
    started: subject.started.toISOString(),
  };
}

function document(type: string, time: Date, data: Readonly<Record<string, unknown>>): MessageDocument {
  return { type, timestamp: time.toISOString(), data };
}
