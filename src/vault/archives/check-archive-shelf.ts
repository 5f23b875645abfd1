import type { CheckResult } from '../../repository/check/check-repository.ts';
import { type Finding, FindingList } from '../../repository/check/finding.ts';
import type { ActionContext } from '../actions/backup-action.ts';
import { RateMeter } from '../actions/rate-meter.ts';
import type { ArchiveKeys } from './archive-access.ts';
import { checkArchives } from './check-archives.ts';

interface ShelfCheck extends ArchiveKeys {
  readonly readData: boolean;
  readonly onFinding: ((finding: Finding) => void) | undefined;
}

/** `result` with what the shelf of archives has to say. */
export async function checkArchiveShelf<R extends CheckResult>(
  context: ActionContext,
  check: ShelfCheck,
  result: R,
): Promise<R & { readonly archives: number }> {
  const { repository, settings, signal } = context;
  const found = new FindingList(check.onFinding);
  const meter = new RateMeter();
  const { archives } = await checkArchives({
    ...check,
    // Not from the cache, which holds nothing of the shelves.
    storage: repository.origin,
    settings,
    signal,
    onFinding: (finding) => found.addAll([finding]),
    onProgress: ({ archives: completed, total, bytes }) => {
      meter.note(bytes);
      const { rate } = meter;
      const errors = result.findings.length + found.findings.length;
      const rated = rate === undefined || !check.readData ? {} : { bytes, rate };
      context.report({ phase: 'archives', completed, total, unit: 'files', description: '', errors, ...rated });
    },
  });
  return {
    ...result,
    isGood: result.isGood && !found.hasErrors,
    findings: [...result.findings, ...found.findings],
    omittedFindings: result.omittedFindings + found.omitted,
    archives,
  };
}
