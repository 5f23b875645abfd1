import type { ActionContext } from '../actions/backup-action.ts';
import { RateMeter } from '../actions/rate-meter.ts';

/** Tells how many bytes of an archive went through; call the result with each piece. */
export function archiveProgress(
  { report }: Pick<ActionContext, 'report'>,
  phase: string,
  total: number | undefined,
): (bytes: number) => void {
  const meter = new RateMeter();
  let completed = 0;
  return (count) => {
    completed += count;
    meter.note(completed);
    const { rate } = meter;
    const etaMs = meter.etaMs(completed, total);
    report({
      phase,
      completed,
      total,
      unit: 'bytes',
      description: '',
      bytes: completed,
      errors: 0,
      ...(rate === undefined ? {} : { rate }),
      ...(etaMs === undefined ? {} : { etaMs }),
    });
  };
}
