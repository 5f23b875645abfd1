import type { Weekday } from '../retention/weekday.ts';

/** Which backups rotation keeps: so many of each unit of time. Counts that are absent keep nothing. */
export interface RotationConfig {
  readonly last?: number;
  readonly seconds?: number;
  readonly minutes?: number;
  readonly hours?: number;
  readonly days?: number;
  readonly weeks?: number;
  readonly months?: number;
  readonly years?: number;
  /** The day on which a week begins. */
  readonly firstWeekday?: Weekday;
}
