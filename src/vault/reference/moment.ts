// What callers give as a time: a `Date`, or text as in `time-span.ts`.
import { msToNs } from '../../base/clock.ts';
import { CairnArgumentError } from '../../base/errors.ts';
import { type GoTime, localGoTime } from '../../formats/go-time.ts';
import { parseTimeSpan, type TimeSpan } from '../../formats/time-span.ts';

/** The last nanosecond that a time includes. Throws `ARGUMENT_INVALID`. */
export function momentEnd(value: Date | string): bigint {
  return spanOf(value).endNs;
}

/** The first nanosecond that a time includes. Throws `ARGUMENT_INVALID`. */
export function momentStart(value: Date | string): bigint {
  return spanOf(value).startNs;
}

/** The instant that `value` starts at, in the local zone. */
export function toGoTime(value: Date | string): GoTime {
  return localGoTime(momentStart(value));
}

function spanOf(value: Date | string): TimeSpan {
  if (typeof value === 'string') {
    const span = parseTimeSpan(value);
    if (span === undefined) throw notATime(value);
    return span;
  }
  if (Number.isNaN(value.getTime())) throw new CairnArgumentError('the date is not a valid one');
  const startNs = msToNs(value.getTime());
  return { startNs, endNs: startNs + msToNs(1) - 1n };
}

function notATime(text: string): CairnArgumentError {
  return new CairnArgumentError(`not a time: ${JSON.stringify(text)}`, {
    hint: 'Write 2026-11-19, "2026-11-19 14:30", or RFC 3339 such as 2026-11-19T14:30:00Z.',
  });
}
