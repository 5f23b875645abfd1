import type { SnapshotId } from '../../base/ids.ts';
import type { ArchiveEncryption } from '../../archives/sidecar.ts';
import type { StoredArchive } from '../../archives/shelf/read-shelf.ts';
import type { SnapshotRecord } from '../../repository/snapshots.ts';
import { displayName, isNameTag } from '../actions/backup-name.ts';
import type { ValueBackup } from '../values/value-backup.ts';

/** What backups of every form have. */
interface BackupFields {
  readonly name: string;
  readonly time: Date;
  readonly tags: readonly string[];
  readonly host: string;
  /** Absolute paths of what was backed up. */
  readonly paths: readonly string[];
  /** Size of the files, or `null` where it is not recorded (snapshots of restic before 0.17). */
  readonly bytes: number | null;
  /** What this backup added to the vault, compressed and encrypted; `null` as above. */
  readonly storedBytes: number | null;
}

/** A snapshot of the repository. */
export interface SnapshotBackup extends BackupFields {
  readonly form: 'snapshot';
  readonly id: SnapshotId;
}

/** An archive: one object that holds everything. */
export interface ArchiveBackup extends BackupFields {
  readonly form: 'archive';
  /** Its stored name, such as `mydir.20261125T233000Z.tar.zst.age`. */
  readonly id: string;
  readonly encryption: ArchiveEncryption;
}

/** One backup of a vault, as `vault.list` gives it. Its JSON is what `cairn list --json` prints. */
export type BackupRecord = SnapshotBackup | ArchiveBackup | ValueBackup;

export function backupRecord({ id, snapshot }: SnapshotRecord): SnapshotBackup {
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

export function archiveRecord({ stored, sizeBytes, sidecar }: StoredArchive): ArchiveBackup {
  const { name, time, tags, host, paths, sourceBytes, encryption } = sidecar;
  return {
    id: stored,
    form: 'archive',
    name,
    time,
    tags,
    host,
    paths,
    bytes: sourceBytes,
    storedBytes: sizeBytes,
    encryption,
  };
}
