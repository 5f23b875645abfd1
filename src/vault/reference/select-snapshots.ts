import type { SnapshotRecord } from '../../repository/snapshots.ts';
import { type BackupFilter, matcherOfAny } from './backup-filter.ts';
import { chooseSnapshot } from './choose-snapshot.ts';

/** Which backups an action is for: those that are named, or all that match; all there are by default. */
export interface BackupSelection {
  readonly references?: readonly string[] | undefined;
  /** A backup that matches one of several filters is in. With `references`, only such backups are looked at. */
  readonly filter?: BackupFilter | readonly BackupFilter[] | undefined;
}

/** The chosen snapshots, oldest first. Throws `REF_UNKNOWN` or `REF_AMBIGUOUS`. */
export function selectSnapshots(
  snapshots: readonly SnapshotRecord[],
  { references = [], filter = {} }: BackupSelection,
): SnapshotRecord[] {
  const candidates = snapshots.filter(matcherOfAny(filter));
  if (references.length === 0) return candidates;
  const named = new Set(references.map((reference) => chooseSnapshot(candidates, reference, {})));
  return candidates.filter((record) => named.has(record));
}
