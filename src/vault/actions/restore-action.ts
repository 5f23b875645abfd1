import path from 'node:path';
import { CairnArgumentError, CairnError } from '../../base/errors.ts';
import type { PackId } from '../../base/ids.ts';
import type { Progress } from '../../base/job.ts';
import type { Node } from '../../formats/tree/node.ts';
import type { SnapshotRecord } from '../../repository/snapshots.ts';
import { restore, startRestoreWorkers } from '../../restorer/restore.ts';
import type { OverwriteMode, RestoreProgress, RestoreResult } from '../../restorer/restore-options.ts';
import type { RestoreProblem } from '../../restorer/restore-problem.ts';
import type { RestoreWorkers } from '../../restorer/restore-workers.ts';
import type { ValuePassword } from '../../values/value-seal.ts';
import type { ActionContext } from './backup-action.ts';
import { type BackupRecord, backupRecord } from '../reference/backup-record.ts';
import { chooseSnapshot, type ReferenceOptions, sourcesOfSameName } from '../reference/choose-snapshot.ts';
import { type ArchiveKeys } from '../archives/archive-access.ts';
import { chooseArchive } from '../reference/choose-backup.ts';
import { chooseValue } from '../reference/choose-value.ts';
import { RateMeter } from './rate-meter.ts';
import { type RetrievalOptions, type RetrievalSummary, retrievePacks } from './retrieve-packs.ts';
import {
  assertOutsideVault,
  type DestinationState,
  destinationState,
  fileName,
  lastComponent,
} from './restore-destination.ts';
import { makeSelection, type SelectionOptions } from './restore-selection.ts';
import { SnapshotTree } from '../look/snapshot-tree.ts';
import { loadSnapshots, loadVaultIndex, openSession, type VaultSettings } from '../vault-session.ts';

export interface VaultRestoreOptions extends ReferenceOptions, SelectionOptions, ArchiveKeys {
  /** What opens a value that has a password, where that is not `password`; asked only then. */
  readonly valuePassword?: ValuePassword | undefined;
  /** The folder to restore into; it is made if it is missing. */
  readonly to: string;
  /** A file or folder of the backup to restore alone, as `to/<its name>`. */
  readonly path?: string | undefined;
  /** Rebuild the full paths below `to`; by default a backup of one path becomes `to/<its last component>`. */
  readonly absolute?: boolean | undefined;
  /** What happens to files that exist. Without it, a destination that is not empty is refused with `TARGET_EXISTS`. */
  readonly overwrite?: OverwriteMode | undefined;
  /** Remove what is at the destination and not in the backup. */
  readonly delete?: boolean | undefined;
  /** Read every restored file again and compare it. */
  readonly verify?: boolean | undefined;
  /** Change nothing; the result tells what would be done. */
  readonly dryRun?: boolean | undefined;
  readonly sparse?: boolean | undefined;
  /** How data comes back from cold storage; without it, needing any is an error. */
  readonly retrieval?: RetrievalOptions | undefined;
  /**
   * Asked before anything is written, with what is at the destination. It throws to refuse; where it does not,
   * files that exist are handled as `overwrite` says, by default `always`.
   */
  readonly confirm?: ((plan: RestorePlan) => Promise<void>) | undefined;
  /** Threads that load their code while the vault is being opened; they end with the restore. */
  readonly workers?: RestoreWorkers | undefined;
  readonly onProblem?: ((problem: RestoreProblem) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface VaultRestoreResult extends RestoreResult {
  readonly backup: BackupRecord;
  /** The file or folder that was restored. */
  readonly destination: string;
  /** Which of its objects are in cold storage; `undefined` for a storage without cold classes. */
  readonly retrieval?: RetrievalSummary | undefined;
}

/** Where a restore would go and what is there. */
export interface RestorePlan {
  readonly backup: BackupRecord;
  readonly destination: string;
  readonly state: DestinationState;
}

interface Destination {
  /** The part of the tree that goes to `target`, as the restorer takes it. */
  readonly root: readonly Uint8Array[] | undefined;
  readonly target: string;
  /** The file or folder that will be there afterwards. */
  readonly destination: string;
}

export async function runRestore(
  context: ActionContext,
  reference: string,
  options: VaultRestoreOptions,
): Promise<VaultRestoreResult> {
  const { repository, settings } = context;
  // Resolved, it would be the current folder: not what an unset variable of a script stands for.
  if (options.to === '') throw new CairnArgumentError('the folder to restore into is empty', { hint: 'Name one.' });
  const other = await restoreOtherForm(context, reference, options);
  if (other !== undefined) return other;
  const { select, assertMatched } = makeSelection(options);
  await using workers = options.workers ?? startRestoreWorkers(settings.jobs);
  await using session = await openSession(repository, settings, {
    mode: 'shared',
    purpose: 'read',
    signal: context.signal,
  });
  const { signal } = session;
  const snapshots = await loadSnapshots(repository, settings, signal);
  const record = chooseSnapshot(snapshots, reference, options);
  const others = sourcesOfSameName(snapshots, reference, record);
  if (others.length > 0) settings.notify({ level: 'info', message: describeOthers(record, others) });
  const index = await loadVaultIndex(repository, settings, signal);
  const place = await planDestination({ repository, settings, signal, index }, record, options);
  await assertMayWrite(backupRecord(record), place.destination, options);
  const meter = new RateMeter();
  const dryRun = options.dryRun === true;
  let retrieval: RetrievalSummary | undefined;
  const result = await restore(repository, {
    snapshot: record.snapshot,
    target: place.target,
    root: place.root,
    select,
    overwrite: options.overwrite ?? 'always',
    delete: options.delete,
    verify: options.verify,
    dryRun,
    sparse: options.sparse,
    jobs: settings.jobs,
    workers,
    index,
    signal,
    // Which packs are read is worth asking only where some may be cold.
    ...(repository.origin.cold !== undefined && {
      beforeContent: async (packs: readonly PackId[]) => {
        retrieval = await retrievePacks({ ...context, signal, dryRun }, packs, options.retrieval);
      },
    }),
    onProgress: (state) => context.report(progressOf(state, meter)),
    onProblem: options.onProblem,
  });
  // Where something could not be read, what matches may be in it.
  if (result.problemCount === 0) assertMatched();
  return {
    ...result,
    backup: backupRecord(record),
    destination: place.destination,
    ...(retrieval === undefined ? {} : { retrieval }),
  };
}

/** `undefined` where no value and no archive is meant. */
async function restoreOtherForm(
  context: ActionContext,
  reference: string,
  options: VaultRestoreOptions,
): Promise<VaultRestoreResult | undefined> {
  const value = await chooseValue(context, reference, options);
  if (value !== undefined) {
    const { restoreValue } = await import('../values/restore-value.ts');
    return restoreValue(context, value.version, options);
  }
  const archive = await chooseArchive(context, reference, options);
  if (archive === undefined) return undefined;
  const { restoreArchive } = await import('../archives/restore-archive.ts');
  return restoreArchive(context, archive, options);
}

function describeOthers({ id, snapshot }: SnapshotRecord, others: readonly string[]): string {
  const chosen = `${snapshot.hostname}:${snapshot.paths.join(',')}`;
  return `taking the newest of that name, ${id.slice(0, 8)} of ${chosen}; the name is also used by ${others.join('; ')}`;
}

interface DestinationContext {
  readonly repository: ActionContext['repository'];
  readonly settings: VaultSettings;
  readonly signal: AbortSignal;
  readonly index?: Awaited<ReturnType<typeof loadVaultIndex>>;
}

async function planDestination(
  context: DestinationContext,
  record: SnapshotRecord,
  options: VaultRestoreOptions,
): Promise<Destination> {
  const place = await findPlace(context, record, options);
  const vaultPath = context.repository.storage.features.localPath;
  await assertOutsideVault(place.destination, vaultPath, { deletes: options.delete === true });
  return place;
}

async function findPlace(
  { repository, settings, signal, index }: DestinationContext,
  { snapshot }: SnapshotRecord,
  options: VaultRestoreOptions,
): Promise<Destination> {
  const to = path.resolve(options.to);
  const whole: Destination = { root: undefined, target: to, destination: to };
  const [only, ...others] = snapshot.paths;
  const ownPath = options.absolute === true || others.length > 0 ? undefined : only;
  if (options.path === undefined && ownPath === undefined) return whole;
  const tree = new SnapshotTree(repository, index ?? (await loadVaultIndex(repository, settings, signal)), { signal });
  if (options.path !== undefined) {
    const found = await tree.find(snapshot, options.path);
    return found.kind === 'root' ? whole : placeOf(to, found);
  }
  if (ownPath === undefined || ownPath === '/') return whole;
  const own = await tree.findOwnPath(snapshot, ownPath);
  if (own.kind === 'absolute') return placeOf(to, own);
  const destination = path.join(to, lastComponent(ownPath));
  // Either way all of the tree is restored; the two differ in whether it holds the last component itself.
  return own.kind === 'named' ? { ...whole, destination } : { root: undefined, target: destination, destination };
}

function placeOf(to: string, found: { readonly path: readonly Uint8Array[]; readonly node: Node }): Destination {
  const destination = path.join(to, fileName(found.node.name));
  // A folder's content and metadata become those of the target; anything else goes into it under its own name.
  return { root: found.path, target: found.node.type === 'dir' ? destination : to, destination };
}

/** Throws `TARGET_EXISTS`, or what `confirm` throws. */
export async function assertMayWrite(
  backup: BackupRecord,
  destination: string,
  options: VaultRestoreOptions,
): Promise<void> {
  const state = await destinationState(destination);
  if (options.dryRun === true) return;
  if (options.confirm !== undefined) return options.confirm({ backup, destination, state });
  if (options.overwrite !== undefined || state === 'free') return;
  throw new CairnError('TARGET_EXISTS', `${destination} exists and is not empty; nothing was changed`, {
    hint: 'Choose another folder, or say what happens to files that exist with `overwrite` (--overwrite MODE).',
    facts: { target: destination },
  });
}

function progressOf(state: RestoreProgress, meter: RateMeter): Progress {
  meter.note(state.bytes);
  const { rate } = meter;
  const etaMs = meter.etaMs(state.bytes, state.totalBytes);
  return {
    phase: state.phase,
    completed: state.bytes,
    total: state.totalBytes,
    unit: 'bytes',
    description: '',
    bytes: state.bytes,
    totalBytes: state.totalBytes,
    files: state.files,
    totalFiles: state.totalFiles,
    errors: state.errors,
    ...(rate === undefined ? {} : { rate }),
    ...(etaMs === undefined ? {} : { etaMs }),
  };
}
