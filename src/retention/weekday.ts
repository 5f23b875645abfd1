import { CairnArgumentError } from '../base/errors.ts';

/** Monday first, as their numbers in bakthat's configuration: 0 to 6. */
export const weekdays = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'] as const;
export type Weekday = (typeof weekdays)[number];

/** Parses an English name, in any case, or a number from 0 (Monday) to 6 (Sunday). Throws `ARGUMENT_INVALID`. */
export function parseWeekday(value: string | number): Weekday {
  const text = String(value).trim().toLowerCase();
  const day = weekdays.find((name, number) => name === text || String(number) === text);
  if (day !== undefined) return day;
  throw new CairnArgumentError(`${JSON.stringify(value)} is no day of the week`, {
    hint: `It is one of ${weekdays.join(', ')}, or a number from 0 (Monday) to 6 (Sunday).`,
  });
}
