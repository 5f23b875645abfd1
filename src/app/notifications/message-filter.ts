import { CairnError } from '../../base/errors.ts';
import type { NotifierSettings } from './notifier-settings.ts';
import { isAtLeast, type Outcome, type OutcomeSubject, severityOf } from './outcome.ts';

const PATTERN = /^(?:\*|[a-z][A-Za-z-]*)(?:\.(?:before|done|failed|\*))?$/u;

/** What one notifier wants to hear. */
export interface MessageFilter {
  readonly wantsStart: (subject: Pick<OutcomeSubject, 'action'>) => boolean;
  readonly wantsOutcome: (outcome: Pick<Outcome, 'action' | 'status'>) => boolean;
}

/** Throws `CONFIG_INVALID` for what is no event. */
export function messageFilter(settings: NotifierSettings): MessageFilter {
  const { on = settings.type === 'ping' ? ['backup.*'] : ['*'], name } = settings;
  for (const pattern of on) {
    if (PATTERN.test(pattern)) continue;
    throw new CairnError(
      'CONFIG_INVALID',
      `the notifier ${name} is to hear ${JSON.stringify(pattern)}, which is no event`,
      {
        hint: 'Name events such as `backup`, `restore.failed`, `*.failed`, `backup.before`, or `*`.',
      },
    );
  }
  const least = 'severity' in settings ? (settings.severity ?? 'info') : 'info';
  return {
    // A monitor that hears of ends only cannot tell a run that hangs from one that never began.
    wantsStart: ({ action }) => on.some((pattern) => matches(pattern, action, 'before', settings.type === 'ping')),
    wantsOutcome: ({ action, status }) =>
      isAtLeast(severityOf({ status }), least) &&
      on.some((pattern) => matches(pattern, action, status === 'failed' ? 'failed' : 'done', true)),
  };
}

/** Whether a pattern means this stage of an action; `byDefault`, whether one that names no stage does. */
function matches(pattern: string, action: string, stage: string, byDefault: boolean): boolean {
  const [wantedAction, wantedStage] = pattern.split('.');
  if (wantedAction !== '*' && wantedAction !== action) return false;
  return wantedStage === undefined || wantedStage === '*' ? byDefault : wantedStage === stage;
}
