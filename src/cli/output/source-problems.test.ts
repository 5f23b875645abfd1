import { expect, it } from 'vitest';
import type { BackupProblem } from '../../vault/actions/backup-action.ts';
import { summarizeProblems } from './source-problems.ts';

const problem = (code: BackupProblem['code']): BackupProblem => ({ path: '/p', code, message: 'm' });

it('sends nobody to look for permissions where a file only changed', () => {
  const { text, hint } = summarizeProblems([problem('SOURCE_CHANGED')]);
  expect(text).toBe('1 entry changed while being read');
  expect(hint).toContain('may mix two states');
  expect(hint).not.toContain('may read');
});

it('tells both where there is both', () => {
  const { text, hint } = summarizeProblems([
    problem('SOURCE_UNREADABLE'),
    problem('SOURCE_CHANGED'),
    problem('SOURCE_CHANGED'),
  ]);
  expect(text).toBe('1 entry could not be read, and 2 entries changed while being read');
  expect(hint).toContain('may read');
  expect(hint).toContain('may mix two states');
});
