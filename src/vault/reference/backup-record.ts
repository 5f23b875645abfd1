import type { SnapshotId } from '../../base/ids.ts';
import type { SnapshotRecord } from '../../repository/snapshots.ts';
import { displayName, isNameTag } from '../actions/backup-name.ts';

/** One backup of a vault, as `vault.list` gives it. Its JSON is what `cairn list --json` prints. */
export interface BackupRecord {
  readonly id: SnapshotId;
  readonly form: 'snapshot';
  readonly name: string;
  readonly time: Date;
  readonly tags: readonly string[];
  readonly host: string;
  /** Absolute paths of what was backed up. */
  readonly paths: readonly string[];
  /** Size of the files, or `null` in snapshots whose program did not record it (restic before 0.17). */
  readonly bytes: number | null;
  /** What this backup added to the vault, compressed and encrypted; `null` as above. */
  readonly storedBytes: number | null;
}

export function backupRecord({ id, snapshot }: SnapshotRecord): BackupRecord {
  return {
    id,
    form: 'snapshot',
    name: displayName(snapshot),
    time: new Date(Number(snapshot.time.ns / 1_000_000n)),
    tags: snapshot.tags.filter((tag) => !isNameTag(tag)),
    host: snapshot.hostname,
    paths: snapshot.paths,
    bytes: snapshot.summary?.totalBytesProcessed ?? null,
    storedBytes: snapshot.summary?.dataAddedPacked ?? null,
  };
}
