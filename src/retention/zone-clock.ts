import { CairnArgumentError } from '../base/errors.ts';

/** Minutes east of UTC that a zone (an IANA name, `UTC`, or `local`, that of this machine) has at a moment. Throws `ARGUMENT_INVALID` for no zone. */
export function zoneClock(zone: string): (ms: number) => number {
  if (zone === 'UTC') return () => 0;
  const format = formatOf(zone);
  return (ms) => {
    // The clock of the zone, read as if it were UTC, is as far ahead as the zone is.
    const wall = Date.parse(`${format.format(ms).replace(' ', 'T')}Z`);
    return Math.round((wall - ms) / 60_000);
  };
}

function formatOf(zone: string): Intl.DateTimeFormat {
  try {
    // Swedish dates are ISO 8601.
    const options = zone === 'local' ? {} : { timeZone: zone };
    return new Intl.DateTimeFormat('sv-SE', { ...options, dateStyle: 'short', timeStyle: 'medium' });
  } catch (error) {
    throw new CairnArgumentError(`there is no time zone ${JSON.stringify(zone)}`, {
      hint: 'Write a name such as Europe/Berlin, or UTC, or local.',
      cause: error,
    });
  }
}
