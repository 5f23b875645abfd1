import { parseTimeSpan } from '../../formats/time-span.ts';
import { findSnapshot } from '../../repository/snapshot-ref.ts';
import { snapshotName, type SnapshotRecord } from '../../repository/snapshots.ts';
import { type BackupFilter, matcherOf } from './backup-filter.ts';
import { momentEnd } from './moment.ts';

/** Which backup is meant, beside its reference. */
export interface ReferenceOptions {
  /** The newest one that is not later than this. */
  readonly at?: Date | string | undefined;
  /** Only backups that match are looked at. */
  readonly filter?: BackupFilter | undefined;
}

/** The newest snapshot that fits a reference. Throws `REF_UNKNOWN` or `REF_AMBIGUOUS`. */
export function chooseSnapshot(
  snapshots: readonly SnapshotRecord[],
  reference: string,
  { at, filter }: ReferenceOptions,
): SnapshotRecord {
  const matches = filter === undefined ? undefined : matcherOf(filter);
  const end = at === undefined ? undefined : momentEnd(at);
  const candidates = snapshots.filter(
    (record) => (matches?.(record) ?? true) && (end === undefined || record.snapshot.time.ns <= end),
  );
  return findSnapshot(candidates, reference);
}

/** The other sources (`host:path`) whose backups have the name by which one was chosen. */
export function sourcesOfSameName(
  snapshots: readonly SnapshotRecord[],
  reference: string,
  chosen: SnapshotRecord,
): readonly string[] {
  const split = reference.lastIndexOf('@');
  const name =
    split > 0 && parseTimeSpan(reference.slice(split + 1)) !== undefined ? reference.slice(0, split) : reference;
  const named = snapshots.filter(({ snapshot }) => snapshotName(snapshot) === name);
  return [...new Set(named.map(sourceOf))].filter((source) => source !== sourceOf(chosen));
}

function sourceOf({ snapshot }: SnapshotRecord): string {
  return `${snapshot.hostname}:${snapshot.paths.toSorted().join(',')}`;
}
