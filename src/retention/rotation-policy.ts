// Rotation by bakthat's rules ("grandfather, father, son"): how many years, months, weeks, … back one backup is kept of.
import { CairnArgumentError, CairnError } from '../base/errors.ts';
import { parseWeekday, type Weekday } from './weekday.ts';

export const rotationUnits = ['years', 'months', 'weeks', 'days', 'hours', 'minutes', 'seconds'] as const;
export type RotationUnit = (typeof rotationUnits)[number];

/**
 * What a caller asks for. A backup is kept when any rule keeps it, and the newest one always.
 *
 * - `years` … `seconds`: of each of the last n, the current one included, the oldest backup;
 * - `last`: the newest n;
 * - `firstWeekday`: the day that weeks start with; Saturday by default, as in bakthat.
 */
export type RotationRules = { readonly [U in RotationUnit]?: number | undefined } & {
  readonly last?: number | undefined;
  readonly firstWeekday?: Weekday | undefined;
};

/** Rules that were checked: counts above zero only. */
export interface RotationPolicy {
  readonly units: readonly (readonly [unit: RotationUnit, count: number])[];
  readonly last: number;
  readonly firstWeekday: Weekday;
}

const DEFAULT_WEEKDAY: Weekday = 'saturday';

/**
 * Throws `ARGUMENT_INVALID` for a count that is none and for a rule that there is not, and `RETENTION_EMPTY` where no
 * rule keeps anything: bakthat then removed every backup.
 */
export function parseRotationRules(rules: RotationRules): RotationPolicy {
  assertKnown(rules);
  const units = rotationUnits.flatMap((unit): [RotationUnit, number][] => {
    const count = countOf(unit, rules[unit]);
    return count === 0 ? [] : [[unit, count]];
  });
  const last = countOf('last', rules.last);
  if (units.length === 0 && last === 0) {
    throw new CairnError('RETENTION_EMPTY', 'no rule says which backups to keep', {
      hint: 'Give at least one above zero, such as days: 7 (--days 7).',
    });
  }
  return { units, last, firstWeekday: parseWeekday(rules.firstWeekday ?? DEFAULT_WEEKDAY) };
}

function assertKnown(rules: RotationRules): void {
  const known: readonly string[] = [...rotationUnits, 'last', 'firstWeekday'];
  const unknown = Object.keys(rules).filter((key) => !known.includes(key));
  if (unknown.length === 0) return;
  throw new CairnArgumentError(`there is no rule ${unknown.map((key) => JSON.stringify(key)).join(', ')}`, {
    hint: `The rules are ${known.join(', ')}.`,
  });
}

function countOf(rule: string, count: number | undefined): number {
  if (count === undefined) return 0;
  if (Number.isSafeInteger(count) && count >= 0) return count;
  throw new CairnArgumentError(`${rule}: ${String(count)} is no number of backups to keep`, {
    hint: 'Give a whole number of at least 0.',
    facts: { rule },
  });
}
