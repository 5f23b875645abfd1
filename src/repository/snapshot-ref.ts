// How people name a snapshot: its id or the beginning of it, `latest`, its name, or `name@time`.
import { msToNs } from '../base/clock.ts';
import { CairnError } from '../base/errors.ts';
import { isId, shortId } from '../base/ids.ts';
import { formatGoTime } from '../formats/go-time.ts';
import { snapshotName, type SnapshotRecord } from './snapshots.ts';

const LATEST = 'latest';
const HEX_PREFIX = /^[0-9a-f]{1,64}$/;

/**
 * The snapshot that `ref` means among `records`:
 * - an id, or a prefix of it that fits one snapshot only;
 * - `latest`, the newest of all; a name, the newest of that name;
 * - `latest@time` or `name@time`, the newest that is not later. The time is `YYYY-MM-DD[THH:MM[:SS[.f]]][Z|±hh:mm]`,
 *   local unless it says otherwise; it includes the whole day, minute or second it names.
 *
 * Throws `REF_UNKNOWN`, or `REF_AMBIGUOUS` listing the candidates.
 */
export function findSnapshot(records: readonly SnapshotRecord[], ref: string): SnapshotRecord {
  if (isId(ref)) {
    const exact = records.find(({ id }) => id === ref);
    if (exact !== undefined) return exact;
  }
  const byId = HEX_PREFIX.test(ref) ? records.filter(({ id }) => id.startsWith(ref)) : [];
  const byName = newestOfName(records, ref);
  const candidates = byName === undefined || byId.includes(byName) ? byId : [...byId, byName];
  if (candidates.length > 1) throw ambiguous(ref, candidates);
  const [only] = candidates;
  if (only === undefined) throw unknownRef(ref, records);
  return only;
}

function newestOfName(records: readonly SnapshotRecord[], ref: string): SnapshotRecord | undefined {
  const whole = newest(records.filter((record) => isCalled(record, ref)));
  if (whole !== undefined) return whole;
  const at = ref.lastIndexOf('@');
  if (at <= 0) return undefined;
  const untilNs = parseRefTime(ref.slice(at + 1));
  if (untilNs === undefined) return undefined;
  const name = ref.slice(0, at);
  return newest(records.filter((record) => isCalled(record, name) && record.snapshot.time.ns <= untilNs));
}

function isCalled({ snapshot }: SnapshotRecord, name: string): boolean {
  return name === LATEST || snapshotName(snapshot) === name;
}

function newest(records: readonly SnapshotRecord[]): SnapshotRecord | undefined {
  let best: SnapshotRecord | undefined;
  for (const record of records) {
    if (best === undefined || record.snapshot.time.ns >= best.snapshot.time.ns) best = record;
  }
  return best;
}

const REF_TIME = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?)?(Z|[+-]\d{2}:\d{2})?$/;
const DAY_MS = 86_400_000;

/** The last nanosecond that `text` includes, or `undefined` if it is no time. */
export function parseRefTime(text: string): bigint | undefined {
  const match = REF_TIME.exec(text);
  if (match === null) return undefined;
  const [, day = '', minute, second, fraction, zone = ''] = match;
  const startMs = Date.parse(`${day}T${minute ?? '00:00'}:${second ?? '00'}${zone}`);
  if (Number.isNaN(startMs)) return undefined;
  const start = msToNs(startMs);
  if (fraction !== undefined) {
    const unit = 10n ** BigInt(9 - fraction.length);
    return start + BigInt(fraction) * unit + unit - 1n;
  }
  if (second !== undefined) return start + msToNs(1_000) - 1n;
  if (minute !== undefined) return start + msToNs(60_000) - 1n;
  return endOfDay(startMs, zone) - 1n;
}

// A local day has 23 or 25 hours when the clocks change.
function endOfDay(startMs: number, zone: string): bigint {
  if (zone !== '') return msToNs(startMs + DAY_MS);
  const next = new Date(startMs);
  next.setDate(next.getDate() + 1);
  return msToNs(next.getTime());
}

function ambiguous(ref: string, candidates: readonly SnapshotRecord[]): CairnError {
  const lines = candidates.slice(0, 10).map(describeSnapshot);
  const more = candidates.length > lines.length ? `, and ${candidates.length - lines.length} more` : '';
  return new CairnError('REF_AMBIGUOUS', `"${ref}" can mean ${lines.join('; ')}${more}`, {
    hint: 'give more digits of the id',
    facts: { ref, candidates: candidates.map(({ id }) => id) },
  });
}

function unknownRef(ref: string, records: readonly SnapshotRecord[]): CairnError {
  const names = [...new Set(records.map(({ snapshot }) => snapshotName(snapshot) ?? ''))].filter((name) => name !== '');
  const known = names.length === 0 ? '' : `; names in this vault: ${names.slice(-10).join(', ')}`;
  const message = records.length === 0 ? `no snapshot "${ref}": there are no snapshots` : `no snapshot "${ref}"`;
  return new CairnError('REF_UNKNOWN', message, {
    hint: `give an id, the beginning of one, \`latest\`, a name, or name@time${known}`,
    facts: { ref },
  });
}

function describeSnapshot({ id, snapshot }: SnapshotRecord): string {
  return `${shortId(id)} (${snapshotName(snapshot) ?? snapshot.paths.join(', ')}, ${formatGoTime(snapshot.time)})`;
}
