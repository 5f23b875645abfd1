// Whether rules that count from now would take a clock that is wrong for years that have passed. A clock that jumps ahead
// leaves a gap between all that was made before and now, or the backup that was just made: nothing lies in the time that
// the rules look at, and so everything from before the gap goes at once. Where backups are made and thinned out
// regularly that cannot be: what gets too old does so one by one.
import { CairnError } from '../base/errors.ts';
import type { Interval } from './interval.ts';
import { before } from './interval.ts';
import { parseRotationRules, type RotationRules, type RotationUnit } from './rotation-policy.ts';

const DAY_MS = 86_400_000;

/** A shorter pause is one that people make: a summer without the machine. */
const LEAST_GAP_MS = 60 * DAY_MS;

/** At most; of what a calendar has in several lengths the longest. */
const lengths: Readonly<Record<RotationUnit, number>> = {
  years: 366 * DAY_MS,
  months: 31 * DAY_MS,
  weeks: 7 * DAY_MS,
  days: DAY_MS,
  hours: 3_600_000,
  minutes: 60_000,
  seconds: 1000,
};

/** How far back rules look from now; `undefined` where they only count backups, so that no clock matters. */
export function rotationReachMs(rules: RotationRules): number | undefined {
  const spans = parseRotationRules(rules).units.map(([unit, count]) => count * lengths[unit]);
  return spans.length === 0 ? undefined : Math.max(...spans);
}

export function intervalReachMs(interval: Interval, now: Date): number {
  return now.getTime() - before(now, interval).getTime();
}

export interface ClockEvidence {
  readonly now: Date;
  /** How far back the rules look. */
  readonly reachMs: number;
  /** Times of all backups of the vault, whatever is planned for them: they tell what time it has been. */
  readonly known: readonly Date[];
  /** Of those that the plan is about. */
  readonly kept: readonly Date[];
  readonly removed: readonly Date[];
}

/** What makes a clock doubtful: nothing was made from `from` to `to`, and most of what is older would go. */
export interface ClockDoubt {
  readonly from: Date;
  readonly to: Date;
  readonly removed: number;
  /** Of so many. */
  readonly older: number;
}

/** `undefined`: the clock may be right. */
export function clockDoubt({ now, reachMs, known, kept, removed }: ClockEvidence): ClockDoubt | undefined {
  const leastMs = Math.max(reachMs, LEAST_GAP_MS);
  const times = known.map((time) => time.getTime()).filter((ms) => ms <= now.getTime());
  const from = newestOf(times.filter((ms) => ms < now.getTime() - leastMs));
  if (from === undefined) return undefined;
  const to = times.reduce((first, ms) => (ms > from && ms < first ? ms : first), now.getTime());
  if (to - from <= leastMs) return undefined;
  const olderOf = (of: readonly Date[]): number => of.filter((time) => time.getTime() <= from).length;
  const gone = olderOf(removed);
  const older = gone + olderOf(kept);
  return gone * 2 > older ? { from: new Date(from), to: new Date(to), removed: gone, older } : undefined;
}

/** Throws `CLOCK_DOUBTFUL`. */
export function assertClock(evidence: ClockEvidence): void {
  const doubt = clockDoubt(evidence);
  if (doubt === undefined) return;
  const { from, to, removed, older } = doubt;
  const time = evidence.now.toISOString();
  throw new CairnError(
    'CLOCK_DOUBTFUL',
    `it is ${time} by the clock of this machine, no backup was made from ${dayOf(from)} to ${dayOf(to)}, and ${removed} of the ${older} from before would go`,
    {
      hint: `Nothing was removed. Look at the clock. If it is right, say what time it is: --now ${time} (\`now\`).`,
      facts: { now: time, from: from.toISOString(), to: to.toISOString(), removed, older },
    },
  );
}

function dayOf(time: Date): string {
  return time.toISOString().slice(0, 10);
}

function newestOf(times: readonly number[]): number | undefined {
  return times.length === 0 ? undefined : times.reduce((a, b) => Math.max(a, b));
}
