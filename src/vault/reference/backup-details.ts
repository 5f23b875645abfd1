import type { BlobId, SnapshotId } from '../../base/ids.ts';
import { formatGoTime } from '../../formats/go-time.ts';
import type { SnapshotRecord } from '../../repository/snapshots.ts';
import type { Sidecar } from '../../archives/sidecar.ts';
import type { StoredArchive } from '../../archives/shelf/read-shelf.ts';
import type { ValueBackup } from '../values/value-backup.ts';
import { type ArchiveBackup, archiveRecord, backupRecord, type SnapshotBackup } from './backup-record.ts';

/** Everything that is recorded about one backup; for a value that is its record. */
export type BackupDetails = SnapshotDetails | ArchiveDetails | ValueBackup;

/** An archive's record, and what else its sidecar says. */
export interface ArchiveDetails
  extends
    ArchiveBackup,
    Pick<
      Sidecar,
      'codec' | 'fileCount' | 'directoryCount' | 'tarBytes' | 'storedSha256' | 'tarSha256' | 'problems' | 'program'
    > {
  /** The object in the storage. */
  readonly object: string;
}

export interface SnapshotDetails extends SnapshotBackup {
  /** With nanoseconds and zone, as it was recorded. */
  readonly exactTime: string;
  readonly tree: BlobId;
  /** The backup it was compared with when it was made. */
  readonly parent: SnapshotId | null;
  /** The backup this is an edited version of. */
  readonly original: SnapshotId | null;
  readonly username: string;
  readonly uid: number;
  readonly gid: number;
  readonly excludes: readonly string[];
  /** What wrote it, such as `restic 0.19.0`; empty where it was not recorded. */
  readonly program: string;
  readonly summary: BackupSummary | null;
}

/** What a backup counted. */
export interface BackupSummary {
  readonly filesNew: number;
  readonly filesChanged: number;
  readonly filesUnmodified: number;
  readonly dirsNew: number;
  readonly dirsChanged: number;
  readonly dirsUnmodified: number;
  readonly totalFiles: number;
  /** Bytes that the vault did not have. */
  readonly addedBytes: number;
  readonly durationMs: number;
}

export function archiveDetails(archive: StoredArchive): ArchiveDetails {
  const { codec, fileCount, directoryCount, tarBytes, storedSha256, tarSha256, problems, program } = archive.sidecar;
  const facts = { codec, fileCount, directoryCount, tarBytes, storedSha256, tarSha256, problems, program };
  return { ...archiveRecord(archive), object: archive.object, ...facts };
}

export function backupDetails(record: SnapshotRecord): SnapshotDetails {
  const { snapshot } = record;
  return {
    ...backupRecord(record),
    exactTime: formatGoTime(snapshot.time),
    tree: snapshot.tree,
    parent: snapshot.parent ?? null,
    original: snapshot.original ?? null,
    username: snapshot.username,
    uid: snapshot.uid,
    gid: snapshot.gid,
    excludes: snapshot.excludes,
    program: snapshot.programVersion ?? '',
    summary: summaryOf(record),
  };
}

function summaryOf({ snapshot: { summary } }: SnapshotRecord): BackupSummary | null {
  if (summary === undefined) return null;
  return {
    filesNew: summary.filesNew,
    filesChanged: summary.filesChanged,
    filesUnmodified: summary.filesUnmodified,
    dirsNew: summary.dirsNew,
    dirsChanged: summary.dirsChanged,
    dirsUnmodified: summary.dirsUnmodified,
    totalFiles: summary.totalFilesProcessed,
    addedBytes: summary.dataAdded,
    durationMs: Number((summary.backupEnd.ns - summary.backupStart.ns) / 1_000_000n),
  };
}
