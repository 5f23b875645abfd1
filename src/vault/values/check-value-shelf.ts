import { systemClock } from '../../base/clock.ts';
import type { CheckResult } from '../../repository/check/check-repository.ts';
import { type Finding, FindingList, makeFinding } from '../../repository/check/finding.ts';
import { checkValues } from '../../values/check-values.ts';
import type { ActionContext } from '../actions/backup-action.ts';

interface ShelfCheck {
  readonly readData: boolean;
  readonly onFinding: ((finding: Finding) => void) | undefined;
}

/** Adds the findings of the shelf of values to `result`. */
export async function checkValueShelf<R extends CheckResult>(
  { repository, signal }: Pick<ActionContext, 'repository' | 'signal'>,
  { readData, onFinding }: ShelfCheck,
  result: R,
): Promise<R & { readonly values: number }> {
  const found = new FindingList(onFinding);
  const context = { storage: repository.origin, clock: systemClock, warn: () => {} };
  const { versions } = await checkValues(context, {
    readData,
    onFinding: ({ kind, object, message }) => found.addAll([makeFinding(kind, object, message)]),
    signal,
  });
  return {
    ...result,
    isGood: result.isGood && !found.hasErrors,
    findings: [...result.findings, ...found.findings],
    omittedFindings: result.omittedFindings + found.omitted,
    values: versions,
  };
}
