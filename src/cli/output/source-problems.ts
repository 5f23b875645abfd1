import type { BackupProblem } from '../../vault/actions/backup-action.ts';
import { plural } from './format.ts';

export interface ProblemsSummary {
  /** Behind `the backup was saved, but`. */
  readonly text: string;
  readonly hint: string;
}

const UNREAD_HINT = 'Run as a user who may read them, or leave them out with --exclude.';
const CHANGED_HINT =
  'What was saved of a file that changed may mix two states: stop the program that writes it, or back up a snapshot of the file system.';

/** What kept a backup from being whole, in one sentence, and what to do about it. */
export function summarizeProblems(problems: readonly BackupProblem[]): ProblemsSummary {
  const changed = problems.filter(({ code }) => code === 'SOURCE_CHANGED').length;
  const unread = problems.length - changed;
  const facts = [
    ...(unread > 0 ? [`${plural(unread, 'entry', 'entries')} could not be read`] : []),
    ...(changed > 0 ? [`${plural(changed, 'entry', 'entries')} changed while being read`] : []),
  ];
  const hints = [...(unread > 0 ? [UNREAD_HINT] : []), ...(changed > 0 ? [CHANGED_HINT] : [])];
  return { text: facts.join(', and '), hint: ['Each one is named above.', ...hints].join(' ') };
}
