import * as z from 'zod';
import { type Weekday, weekdays } from '../../retention/weekday.ts';
import type { RotationConfig } from '../rotation-config.ts';
import { saying, strict, wholeNumber } from './schema-parts.ts';

const units = ['last', 'seconds', 'minutes', 'hours', 'days', 'weeks', 'months', 'years'] as const;

/** A name, or bakthat's number: 0 is Monday. */
const weekday: z.ZodType<Weekday> = z.union(
  [
    z.string().toLowerCase().pipe(z.enum(weekdays)),
    z
      .int()
      .min(0)
      .max(6)
      .transform((number) => weekdays[number] ?? 'monday'),
  ],
  { error: saying('must be a day such as saturday, or a number from 0 (monday) to 6 (sunday)') },
);

// `Object.fromEntries` forgets which keys it was given.
const counts = Object.fromEntries(units.map((unit) => [unit, wholeNumber.exactOptional()])) as Record<
  (typeof units)[number],
  z.ZodExactOptional<typeof wholeNumber>
>;

export const rotationSchema: z.ZodType<RotationConfig> = strict({
  ...counts,
  firstWeekday: weekday.exactOptional(),
}).refine((rotation) => units.some((unit) => (rotation[unit] ?? 0) !== 0), {
  error: `keeps nothing: give a count above 0 to one of ${units.join(', ')}`,
});
