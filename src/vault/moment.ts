// Times as people write them. What is left out makes a span: `2026-11-19` is that whole day, so that
// "the newest backup at 2026-11-19" includes the one made that evening.
import { CairnArgumentError } from '../base/errors.ts';
import { type GoTime, localGoTime } from '../formats/go-time.ts';
import { parseRefTime } from '../repository/snapshot-ref.ts';

const SHAPE = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?)?(Z|[+-]\d{2}:\d{2})?$/;

/** The last nanosecond that a time includes. Throws `ARGUMENT_INVALID`. */
export function momentEnd(value: Date | string): bigint {
  if (value instanceof Date) return dateNs(value) + 999_999n;
  const end = parseRefTime(value);
  if (end === undefined) throw notATime(value);
  return end;
}

/** The first nanosecond that a time includes. Throws `ARGUMENT_INVALID`. */
export function momentStart(value: Date | string): bigint {
  if (value instanceof Date) return dateNs(value);
  const match = SHAPE.exec(value);
  if (match === null) throw notATime(value);
  const [, day = '', minute = '00:00', second = '00', fraction = '', zone = ''] = match;
  const startMs = Date.parse(`${day}T${minute}:${second}${zone}`);
  if (Number.isNaN(startMs)) throw notATime(value);
  return BigInt(startMs) * 1_000_000n + BigInt(fraction.padEnd(9, '0'));
}

/** The instant that `value` starts at, in the local zone. */
export function toGoTime(value: Date | string): GoTime {
  return localGoTime(momentStart(value));
}

function dateNs(date: Date): bigint {
  if (Number.isNaN(date.getTime())) throw new CairnArgumentError('the date is not a valid one');
  return BigInt(date.getTime()) * 1_000_000n;
}

function notATime(text: string): CairnArgumentError {
  return new CairnArgumentError(`not a time: ${JSON.stringify(text)}`, {
    hint: 'Write 2026-11-19, "2026-11-19 14:30", or RFC 3339 such as 2026-11-19T14:30:00Z.',
  });
}
