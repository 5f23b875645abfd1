import { CairnArgumentError } from '../base/errors.ts';
import { before, type Interval } from './interval.ts';
import { compareNewestFirst, divide, newest, type RotationItem, type Selected } from './select-rotation.ts';

export interface OlderThanOptions {
  readonly now: Date;
  /** So many of the newest stay, however old they are. */
  readonly keepAtLeast: number;
}

/** Divides backups of one name into those that are older than an interval and the others. Throws `ARGUMENT_INVALID`. */
export function selectOlderThan<T extends RotationItem>(
  items: readonly T[],
  interval: Interval,
  { now, keepAtLeast }: OlderThanOptions,
): Selected<T> {
  if (!Number.isSafeInteger(keepAtLeast) || keepAtLeast < 0) {
    throw new CairnArgumentError(`${String(keepAtLeast)} is no number of backups to keep`);
  }
  if (Number.isNaN(now.getTime())) throw new CairnArgumentError('`now` is not a valid date');
  const newestFirst = items.toSorted(compareNewestFirst);
  const limitMs = before(now, interval).getTime();
  const reasons = new Map<T, readonly string[]>();
  const isFuture = (item: T): boolean => item.time.getTime() > now.getTime();
  for (const item of newestFirst) {
    if (isFuture(item)) reasons.set(item, ['in the future']);
    else if (item.time.getTime() >= limitMs) reasons.set(item, [`within ${interval.text}`]);
  }
  if (keepAtLeast > 0) {
    // A backup that a wrong clock dated in the future must not count as the newest.
    for (const [item, reason] of newest(
      newestFirst.filter((item) => !isFuture(item)),
      keepAtLeast,
    )) {
      reasons.set(item, [...(reasons.get(item) ?? []), reason]);
    }
  }
  return divide(newestFirst, reasons);
}
