// Whether backups that are made regularly were made: what bakthat's "periodic backups" told.
import { CairnArgumentError } from '../base/errors.ts';
import { after, parseInterval } from './interval.ts';

export interface ExpectedBackup {
  readonly name: string;
  /** Only backups of this host count; by default those of any. */
  readonly host?: string | undefined;
  /** How often one is made, such as `1D`: when the newest is older, the next one is overdue. */
  readonly every: string;
}

/** What the status looks at. */
export interface PeriodicBackup {
  readonly name: string;
  readonly host: string;
  readonly time: Date;
  readonly storedBytes: number | null;
  /** Something is missing in it: it does not count. */
  readonly isPartial: boolean;
}

export interface PeriodicStatus<B> extends ExpectedBackup {
  /** `missing`: there is no whole one that was made by now. */
  readonly status: 'ok' | 'overdue' | 'missing';
  /** The newest whole one that is not dated in the future. */
  readonly latest: B | null;
  /** When the next one is due; `null` where there was none. */
  readonly dueAt: Date | null;
  /** How long ago that was; 0 before it. */
  readonly overdueMs: number;
  /** How many there are, whole or not. */
  readonly count: number;
  /** What they added to the vault, together, as far as it was recorded. */
  readonly storedBytes: number;
}

/** The state of each expected backup, in their order. Throws `ARGUMENT_INVALID` for what is no interval or no name. */
export function periodicStatus<B extends PeriodicBackup>(
  backups: readonly B[],
  expected: readonly ExpectedBackup[],
  now: Date,
): PeriodicStatus<B>[] {
  return expected.map(({ name, host, every }) => {
    const interval = parseInterval(every);
    if (name === '') throw new CairnArgumentError('a backup without a name cannot be expected');
    const own = backups.filter((backup) => backup.name === name && (host === undefined || backup.host === host));
    const whole = own.filter(({ time, isPartial }) => !isPartial && time.getTime() <= now.getTime());
    const latest = whole.reduce<B | null>((best, one) => (best === null || one.time > best.time ? one : best), null);
    const dueAt = latest === null ? null : after(latest.time, interval);
    const overdueMs = dueAt === null ? 0 : Math.max(0, now.getTime() - dueAt.getTime());
    return {
      name,
      ...(host === undefined ? {} : { host }),
      every,
      status: latest === null ? 'missing' : overdueMs > 0 ? 'overdue' : 'ok',
      latest,
      dueAt,
      overdueMs,
      count: own.length,
      storedBytes: own.reduce((sum, { storedBytes }) => sum + (storedBytes ?? 0), 0),
    };
  });
}
