// How much the backups hold and take, and how that grew.
import {
  type RepositoryStats,
  repositoryStats,
  sizeHistory,
  type StatsMode,
} from '../../repository/walk/repository-stats.ts';
import type { SnapshotRecord } from '../../repository/snapshots.ts';
import type { BackupFilter } from '../reference/backup-filter.ts';
import { type SnapshotBackup, backupRecord } from '../reference/backup-record.ts';
import { selectSnapshots } from '../reference/select-snapshots.ts';
import { lockToRead, look, type LookContext } from './look-inside.ts';

export interface StatsOptions {
  /** Only this backup. */
  readonly reference?: string | undefined;
  readonly filter?: BackupFilter | readonly BackupFilter[] | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface VaultStats {
  readonly snapshots: number;
  /** Entries of all these backups together. */
  readonly files: number;
  /** Bytes a restore of each of them would write. */
  readonly restoreBytes: number;
  readonly blobs: number;
  /** What their blobs take in the vault. */
  readonly storedBytes: number;
  /** The same blobs before compression and encryption. */
  readonly uncompressedBytes: number;
}

/** The backups counted in one of restic's ways. */
export interface ModeStats extends RepositoryStats {
  readonly mode: StatsMode;
}

/** What a backup added to those before it. */
export interface GrowthStep {
  readonly backup: SnapshotBackup;
  readonly newBlobs: number;
  /** What these blobs take in the vault. */
  readonly newBytes: number;
  /** The same before compression. */
  readonly newUncompressedBytes: number;
  /** What this backup and those before it take together. */
  readonly totalBytes: number;
}

export async function lookStats(context: LookContext, options: StatsOptions): Promise<VaultStats> {
  await using session = await lockToRead(context);
  const { snapshots, index, signal } = await look(context, session, false);
  const chosen = choose(snapshots, options);
  const count = (mode: StatsMode): Promise<RepositoryStats> =>
    repositoryStats(context.repository, index, chosen, { mode, signal });
  const restored = await count('restore-size');
  const raw = await count('raw-data');
  return {
    snapshots: chosen.length,
    files: restored.files,
    restoreBytes: restored.bytes,
    blobs: raw.blobs,
    storedBytes: raw.bytes,
    uncompressedBytes: raw.uncompressedBytes,
  };
}

export async function lookModeStats(context: LookContext, mode: StatsMode, options: StatsOptions): Promise<ModeStats> {
  await using session = await lockToRead(context);
  const { snapshots, index, signal } = await look(context, session, false);
  const stats = await repositoryStats(context.repository, index, choose(snapshots, options), { mode, signal });
  return { mode, ...stats };
}

/** Oldest first. */
export async function* lookGrowth(
  context: LookContext,
  options: StatsOptions,
): AsyncGenerator<GrowthStep, void, undefined> {
  await using session = await lockToRead(context);
  const { snapshots, index, signal } = await look(context, session, false);
  const steps = sizeHistory(context.repository, index, choose(snapshots, options), signal);
  for await (const { record, ...step } of steps) yield { backup: backupRecord(record), ...step };
}

function choose(snapshots: readonly SnapshotRecord[], { reference, filter }: StatsOptions): SnapshotRecord[] {
  return selectSnapshots(snapshots, { references: reference === undefined ? [] : [reference], filter });
}
