import { isId } from '../../base/ids.ts';
import type { NotificationMessage } from './notifier.ts';
import { type Outcome, type OutcomeSubject, type Severity, severityOf, worstSeverity } from './outcome.ts';

/** A message as what a person reads, before it takes the form of a channel. Nothing in it is escaped. */
export interface MessageView {
  readonly title: string;
  readonly severity: Severity;
  readonly sections: readonly ViewSection[];
}

export interface ViewSection {
  /** Where there are several. */
  readonly heading?: string | undefined;
  readonly facts: readonly (readonly [label: string, value: string])[];
  readonly lines: readonly string[];
}

/** Problems listed; more would keep people from reading the message. */
const SHOWN_PROBLEMS = 10;

export function messageView(message: NotificationMessage): MessageView {
  switch (message.kind) {
    case 'started':
      return {
        title: visible(`${capital(message.subject.action)} of ${nameOf(message.subject)} begins`),
        severity: 'info',
        sections: [{ facts: subjectFacts(message.subject), lines: [] }],
      };
    case 'ended':
      return {
        title: outcomeTitle(message.outcome),
        severity: severityOf(message.outcome),
        sections: [outcomeSection(message.outcome)],
      };
    case 'digest':
      return digestView(message);
    case 'test':
      return {
        title: 'Cairn: a test message',
        severity: 'info',
        sections: [
          {
            facts: [
              ['notifier', message.notifier],
              ['host', message.host],
              ['time', message.time.toISOString()],
            ],
            lines: ['Messages of this notifier arrive.'],
          },
        ],
      };
    default:
      return message satisfies never;
  }
}

/** The same as plain text, without the title. */
export function viewText({ sections }: MessageView): string {
  return sections.map(sectionText).join('\n\n');
}

function sectionText({ heading, facts, lines }: ViewSection): string {
  return [
    ...(heading === undefined ? [] : [heading]),
    ...facts.map(([label, value]) => `${label}: ${value}`),
    ...lines,
  ].join('\n');
}

const words = { ok: 'ok', partial: 'PARTIAL', failed: 'FAILED' } as const;

function outcomeTitle(outcome: Outcome): string {
  return visible(`${capital(outcome.action)} ${words[outcome.status]}: ${nameOf(outcome)} on ${outcome.host}`);
}

function outcomeSection(outcome: Outcome): ViewSection {
  return { facts: outcomeFacts(outcome), lines: outcomeLines(outcome) };
}

function outcomeFacts(outcome: Outcome): (readonly [string, string])[] {
  const { started, ended, bytes, storedBytes, backup } = outcome;
  return [
    ['result', outcome.summary],
    ...subjectFacts(outcome),
    ['took', durationText(ended.getTime() - started.getTime())],
    ...(backup === undefined
      ? []
      : [['backup', isId(backup.id) ? `${backup.name} (${backup.id.slice(0, 8)})` : backup.id] as const]),
    ...(bytes === null ? [] : [['data', bytesText(bytes)] as const]),
    ...(storedBytes === null ? [] : [['stored', bytesText(storedBytes)] as const]),
  ].map(([label = '', value = '']) => [label, visible(value)] as const);
}

function outcomeLines({ problems, problemCount, error }: Outcome): string[] {
  const shown = problems.slice(0, SHOWN_PROBLEMS);
  const more = problemCount - shown.length;
  return [
    ...(error === undefined ? [] : [`error: ${error.message} (${error.code})`]),
    ...(error?.hint === undefined ? [] : [`what to do: ${error.hint}`]),
    ...(problemCount === 0 ? [] : [`problems: ${problemCount}`]),
    ...shown.map(({ path, code, message }) => `- ${path}: ${message} (${code})`),
    ...(more > 0 ? [`- and ${more} more`] : []),
  ].map(visible);
}

function subjectFacts(subject: OutcomeSubject): (readonly [string, string])[] {
  return [
    ...(subject.plan === undefined ? [] : [['plan', subject.plan] as const]),
    ...(subject.source === undefined ? [] : [['source', subject.source] as const]),
    ['vault', subject.vault] as const,
    ['host', subject.host] as const,
    ['started', subject.started.toISOString()] as const,
    ['session', subject.sessionId] as const,
  ].map(([label, value]) => [label, visible(value)] as const);
}

function digestView({
  outcomes,
  omitted,
  since,
  until,
}: Extract<NotificationMessage, { readonly kind: 'digest' }>): MessageView {
  const count = (status: Outcome['status']): number => outcomes.filter((outcome) => outcome.status === status).length;
  const counts = [`${count('ok')} ok`, `${count('partial')} partial`, `${count('failed')} failed`].join(', ');
  // Failures first, so that a message that is cut still shows them.
  const sorted = [...outcomes].sort((a, b) => rank(b) - rank(a) || a.ended.getTime() - b.ended.getTime());
  return {
    title: `Backups: ${counts}${omitted === 0 ? '' : `, ${omitted} more`}`,
    severity: worstSeverity(outcomes.map(severityOf)),
    sections: [
      {
        facts: [
          ['from', since.toISOString()],
          ['to', until.toISOString()],
        ],
        lines: [],
      },
      ...sorted.map((outcome) =>
        // What went well needs no details among many.
        outcome.status === 'ok'
          ? { facts: [], lines: [visible(`${outcomeTitle(outcome)}: ${outcome.summary}`)] }
          : { heading: outcomeTitle(outcome), ...outcomeSection(outcome) },
      ),
    ],
  };
}

function rank({ status }: Outcome): number {
  return { ok: 0, partial: 1, failed: 2 }[status];
}

function nameOf({ source, plan, vault, ...rest }: OutcomeSubject & Partial<Pick<Outcome, 'backup'>>): string {
  return source ?? rest.backup?.name ?? plan ?? vault;
}

function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}

// Names of files are chosen by others: a line break in one must not look like another line of the message, nor may a
// character turn the direction of text.
const UNSAFE = /[\p{Cc}\p{Zl}\p{Zp}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

function visible(text: string): string {
  return text.replace(UNSAFE, '\u{fffd}');
}

function bytesText(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  let value = Math.abs(bytes);
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${bytes < 0 ? '-' : ''}${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

function durationText(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  const parts = [
    [Math.floor(seconds / 3600), 'h'],
    [Math.floor((seconds % 3600) / 60), 'min'],
    [seconds % 60, 's'],
  ] as const;
  const shown = parts.filter(([count]) => count > 0).map(([count, unit]) => `${count} ${unit}`);
  return shown.length === 0 ? '0 s' : shown.join(' ');
}
