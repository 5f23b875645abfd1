import type { GoTime } from '../formats/go-time.ts';
import type { SnapshotRecord } from '../repository/snapshots.ts';

export interface ParentQuery {
  readonly hostname: string;
  readonly paths: readonly string[];
  readonly time: GoTime;
}

/**
 * The snapshot to compare with: the newest one of this host that is not later than the new one and whose
 * paths contain every target (restic's choice). It only saves reading; nothing depends on it to restore.
 */
export function findParent(snapshots: readonly SnapshotRecord[], query: ParentQuery): SnapshotRecord | undefined {
  let best: SnapshotRecord | undefined;
  for (const record of snapshots) {
    const { hostname, paths, time } = record.snapshot;
    if (hostname !== query.hostname || time.ns > query.time.ns) continue;
    if (!query.paths.every((path) => paths.includes(path))) continue;
    if (best === undefined || time.ns >= best.snapshot.time.ns) best = record;
  }
  return best;
}
