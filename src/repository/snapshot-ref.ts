// How people name a snapshot: its id or the beginning of it, `latest`, its name, or `name@time`.
import { CairnError } from '../base/errors.ts';
import { isId, shortId } from '../base/ids.ts';
import { formatGoTime } from '../formats/go-time.ts';
import { parseTimeSpan } from '../formats/time-span.ts';
import { snapshotName, type SnapshotRecord } from './snapshots.ts';

const LATEST = 'latest';
const HEX_PREFIX = /^[0-9a-f]{1,64}$/;

/**
 * The snapshot that `ref` means among `records`:
 * - an id, or a prefix of it that fits one snapshot only;
 * - `latest`, the newest of all; a name, the newest of that name;
 * - `latest@time` or `name@time`, the newest that is not later than the end of that time (see `time-span.ts`).
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
  const until = parseTimeSpan(ref.slice(at + 1));
  if (until === undefined) return undefined;
  const name = ref.slice(0, at);
  return newest(records.filter((record) => isCalled(record, name) && record.snapshot.time.ns <= until.endNs));
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
