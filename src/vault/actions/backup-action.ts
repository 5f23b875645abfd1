import { hostname } from 'node:os';
import { archive, type ArchiveOptions, type ArchiveResult } from '../../archiver/archive.ts';
import { snapshotEntry } from '../catalog/catalog-entry.ts';
import { findParent } from '../../archiver/parent.ts';
import type { Source, SourceProblem } from '../../archiver/source.ts';
import { utf8Lossy } from '../../base/bytes.ts';
import { systemClock } from '../../base/clock.ts';
import type { ErrorCode } from '../../base/error-codes.ts';
import { CairnArgumentError, isCairnError } from '../../base/errors.ts';
import { type PackId, parseId, type SnapshotId } from '../../base/ids.ts';
import type { Progress } from '../../base/job.ts';
import type { SnapshotSummary } from '../../formats/snapshot/snapshot.ts';
import { localGoTime } from '../../formats/go-time.ts';
import type { CompressionLevel } from '../../repository/compression.ts';
import { userName } from '../../repository/lock/process-identity.ts';
import type { Repository } from '../../repository/repository.ts';
import { holdTag } from '../../retention/hold.ts';
import { findSnapshot } from '../../repository/snapshot-ref.ts';
import { loadSnapshot, type SnapshotRecord } from '../../repository/snapshots.ts';
import type { MirrorMemberReport } from '../../storage/mirror/mirror-member.ts';
import { BackupAhead } from './backup-ahead.ts';
import { nameTag } from './backup-name.ts';
import { EmptiedSource, earlierBackup } from './emptied-source.ts';
import type { BackupSummary } from '../reference/backup-details.ts';
import { type SnapshotBackup, backupRecord } from '../reference/backup-record.ts';
import type { BackupSource } from './backup-source.ts';
import { lostPacksNotice } from './lost-packs-notice.ts';
import { toGoTime } from '../reference/moment.ts';
import { programVersion } from '../program-version.ts';
import { SourceProgress } from './source-progress.ts';
import { SettlingLock } from './settling-lock.ts';
import { loadSnapshots, type VaultSettings } from '../vault-session.ts';

export interface BackupOptions {
  /** The name to find it by; the last component of the path by default. */
  readonly name?: string | undefined;
  readonly tags?: readonly string[] | undefined;
  /** A label to hold the backup with: retention leaves it alone until it is released. */
  readonly hold?: string | undefined;
  /** The time to record; now by default. */
  readonly time?: Date | string | undefined;
  /** The host to record; this machine's name by default. */
  readonly host?: string | undefined;
  /** The backup to compare with; by default the newest of this host and these paths. */
  readonly parent?: string | undefined;
  /** Read every file, also those that look unchanged. */
  readonly force?: boolean | undefined;
  /** Take a file for unchanged although its inode number differs. */
  readonly ignoreInode?: boolean | undefined;
  /** Take a file for unchanged although its ctime differs. */
  readonly ignoreCtime?: boolean | undefined;
  /** Record when files were last read. */
  readonly withAtime?: boolean | undefined;
  readonly compression?: CompressionLevel | undefined;
  readonly packSizeBytes?: number | undefined;
  /**
   * Open, decompress and hash every blob again before its pack leaves this machine. By default where the vault is
   * remote: there the processor waits for the network anyway.
   */
  readonly verifyWrites?: boolean | undefined;
  /** When stopped, save what is done as a backup tagged `partial`. */
  readonly keepPartial?: boolean | undefined;
  /** Save nothing when nothing changed; the result is then the backup that is the same. */
  readonly skipIfUnchanged?: boolean | undefined;
  /** Save also a source that is empty although an earlier backup of it was not; by default that is `SOURCE_EMPTY`. */
  readonly allowEmpty?: boolean | undefined;
  /** Count the source while it is read, so that progress has totals and an ETA. Costs an lstat per file. */
  readonly estimate?: boolean | undefined;
  /** Work on this same source that was begun before the vault was open. */
  readonly ahead?: BackupAhead | undefined;
  readonly onProblem?: ((problem: BackupProblem) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Something that is missing in a backup, with the reason. */
export interface BackupProblem {
  readonly path: string;
  readonly code: ErrorCode;
  readonly message: string;
}

/** What a backup counted. Bytes are plain unless they say otherwise. */
export interface BackupCounts extends BackupSummary {
  readonly totalBytes: number;
  /** What the added bytes take in the vault, compressed and encrypted. */
  readonly addedStoredBytes: number;
}

/** What a run found, whether or not it saved anything. */
interface BackupFindings {
  readonly problems: readonly BackupProblem[];
  readonly counts: BackupCounts;
  /** Packs of the vault that are gone or cut short, where it is a folder of this machine; what was needed of them is saved again. */
  readonly lostPacks: readonly PackId[];
}

export interface BackupResult extends SnapshotBackup, BackupFindings {
  /** `partial`: something could not be read and is missing. `unchanged`: nothing was saved, this is the backup that is the same. */
  readonly status: 'complete' | 'partial' | 'unchanged';
  /** Where the vault is in several storages: how each of them did. */
  readonly mirrors?: readonly MirrorMemberReport[];
}

/** What a backup would do. */
export interface BackupPreview extends BackupFindings {
  readonly paths: readonly string[];
}

export interface ActionContext {
  readonly repository: Repository;
  readonly settings: VaultSettings;
  readonly signal: AbortSignal;
  readonly report: (progress: Progress) => void;
}

export async function runBackup(
  context: ActionContext,
  source: BackupSource,
  options: BackupOptions,
): Promise<BackupResult> {
  const { result, parent, findings } = await recordingPartial(context, () =>
    runArchive(context, source, options, false),
  );
  const { status, id, snapshot } = result;
  const mirrors = context.settings.mirror?.report();
  const report = { ...findings, ...(mirrors === undefined ? {} : { mirrors }) };
  if (status !== 'skipped' && id !== undefined) {
    context.settings.catalog?.recordBackup(snapshotEntry({ id, snapshot }));
    return { ...backupRecord({ id, snapshot }), ...report, status };
  }
  if (parent === undefined) throw new Error('a backup without a parent cannot be skipped');
  return { ...backupRecord(parent), ...report, status: 'unchanged' };
}

/** Records the partial backup that a stopped run may have saved, which its error names. */
async function recordingPartial<R>(
  { repository, settings: { catalog } }: ActionContext,
  run: () => Promise<R>,
): Promise<R> {
  try {
    return await run();
  } catch (error) {
    const id = isCairnError(error) ? error.facts['snapshot'] : undefined;
    if (catalog !== undefined && typeof id === 'string') {
      const record = await findStored(repository, id);
      if (record !== undefined) catalog.recordBackup(snapshotEntry(record));
    }
    throw error;
  }
}

async function findStored(repository: Repository, id: string): Promise<SnapshotRecord | undefined> {
  try {
    return await loadSnapshot(repository, parseId<SnapshotId>(id));
  } catch {
    // The error of the run says more, and the next sync adds the row.
    return undefined;
  }
}

export async function runBackupPreview(
  context: ActionContext,
  source: BackupSource,
  options: BackupOptions,
): Promise<BackupPreview> {
  const { result, findings } = await runArchive(context, source, options, true);
  return { paths: result.snapshot.paths, ...findings };
}

interface ArchiveRun {
  readonly result: ArchiveResult;
  readonly parent: SnapshotRecord | undefined;
  readonly findings: BackupFindings;
}

async function runArchive(
  context: ActionContext,
  wanted: BackupSource,
  options: BackupOptions,
  dryRun: boolean,
): Promise<ArchiveRun> {
  const { repository, settings } = context;
  const started = performance.now();
  await using ahead =
    options.ahead ??
    (await BackupAhead.begin(wanted, {
      streamName: options.name ?? 'stdin',
      vaultPath: repository.storage.features.localPath,
      jobs: settings.jobs,
      memoryFolder: settings.memoryFolder,
      force: options.force ?? false,
      sources: settings.extensions?.sources,
    }));
  const { source } = ahead;
  const identity = snapshotIdentity(options);
  let lostPacks: readonly PackId[] = [];
  await using lock = new SettlingLock(repository, settings, context.signal);
  // With `keepPartial` a stop is a wish to finish early; without, and when the lock is lost, it ends everything.
  const soft = options.keepPartial === true && !dryRun;
  const signal = soft ? lock.lost : lock.signal;
  const { result, parent } = await lock.during(async () => {
    const snapshots = await lock.read(() => loadSnapshots(repository, settings, signal));
    const parent = chooseParent(snapshots, source, options, identity);
    const before = options.allowEmpty === true ? undefined : earlierBackup(snapshots, source, identity);
    const emptied = before === undefined ? undefined : new EmptiedSource({ ...context, signal }, before);
    await emptied?.assertTargetsFilled(source);
    await using progress = new SourceProgress(source, context.report, options.estimate === true);
    const result = await archive(repository, {
      source,
      parent,
      ...identity,
      ...flagsOf(options),
      programVersion: `cairn ${programVersion()}`,
      ahead,
      lock,
      memoryFolder: settings.memoryFolder,
      dryRun,
      signal,
      softStop: soft ? context.signal : undefined,
      onWalked: async (bytes) => emptied?.assertFilled(bytes),
      onProgress: (state) => progress.update(state),
      onProblem: (problem) => options.onProblem?.(describeProblem(problem)),
      onLostPacks: (packs) => {
        lostPacks = packs;
        settings.notify(lostPacksNotice(packs));
      },
    });
    return { result, parent };
  });
  const counts = countsOf(result.snapshot.summary, performance.now() - started);
  return { result, parent, findings: { problems: result.problems.map(describeProblem), counts, lostPacks } };
}

type SnapshotIdentity = Pick<ArchiveOptions, 'time' | 'hostname' | 'username' | 'tags'>;

function snapshotIdentity({ name, tags = [], hold, time, host, skipIfUnchanged }: BackupOptions): SnapshotIdentity {
  if (hold !== undefined && skipIfUnchanged === true) {
    throw new CairnArgumentError('a backup that is held is always made, also when nothing changed', {
      hint: 'Leave out `skipIfUnchanged` (--skip-if-unchanged), or hold the backup that is there with `tag`.',
    });
  }
  return {
    time: time === undefined ? localGoTime(systemClock.nowNs()) : toGoTime(time),
    hostname: host ?? hostname(),
    username: userName(),
    tags: [
      ...new Set([
        ...tags,
        ...(hold === undefined ? [] : [holdTag(hold)]),
        ...(name === undefined ? [] : [nameTag(name)]),
      ]),
    ],
  };
}

function flagsOf(options: BackupOptions): Partial<ArchiveOptions> {
  return {
    force: options.force ?? false,
    ignoreInode: options.ignoreInode ?? false,
    ignoreCtime: options.ignoreCtime ?? false,
    withAtime: options.withAtime ?? false,
    skipIfUnchanged: options.skipIfUnchanged ?? false,
    compression: options.compression ?? 'auto',
    verifyWrites: options.verifyWrites,
    ...(options.packSizeBytes === undefined ? {} : { packSizeBytes: options.packSizeBytes }),
  };
}

function chooseParent(
  snapshots: readonly SnapshotRecord[],
  source: Source,
  { parent }: BackupOptions,
  { hostname, time }: SnapshotIdentity,
): SnapshotRecord | undefined {
  if (parent !== undefined) return findSnapshot(snapshots, parent);
  return findParent(snapshots, { hostname, paths: source.paths, time });
}

function describeProblem({ path, code, message }: SourceProblem): BackupProblem {
  return { path: utf8Lossy(path), code, message };
}

function countsOf(summary: SnapshotSummary | undefined, durationMs: number): BackupCounts {
  return {
    filesNew: summary?.filesNew ?? 0,
    filesChanged: summary?.filesChanged ?? 0,
    filesUnmodified: summary?.filesUnmodified ?? 0,
    dirsNew: summary?.dirsNew ?? 0,
    dirsChanged: summary?.dirsChanged ?? 0,
    dirsUnmodified: summary?.dirsUnmodified ?? 0,
    totalFiles: summary?.totalFilesProcessed ?? 0,
    totalBytes: summary?.totalBytesProcessed ?? 0,
    addedBytes: summary?.dataAdded ?? 0,
    addedStoredBytes: summary?.dataAddedPacked ?? 0,
    durationMs: Math.round(durationMs),
  };
}
