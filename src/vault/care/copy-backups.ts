import type { ErrorCode } from '../../base/error-codes.ts';
import { CairnArgumentError } from '../../base/errors.ts';
import type { SnapshotId } from '../../base/ids.ts';
import type { CompressionLevel } from '../../repository/compression.ts';
import { snapshotsWithout } from '../../repository/copy/cold-snapshots.ts';
import { CopiedSnapshots } from '../../repository/copy/copied-snapshots.ts';
import { CopyDamage, type UncopiedBlob } from '../../repository/copy/copy-damage.ts';
import { type CopiedSnapshot, copySnapshots, type CopySnapshotsResult } from '../../repository/copy/copy-snapshots.ts';
import { planCopy, type PlannedCopy } from '../../repository/copy/plan-copy.ts';
import { type CopySide, SourceTrees } from '../../repository/copy/source-trees.ts';
import { DamageTracer } from '../../repository/copy/trace-damage.ts';
import type { Repository } from '../../repository/repository.ts';
import type { SnapshotRecord } from '../../repository/snapshots.ts';
import type { ObjectName } from '../../storage/storage.ts';
import type { ActionContext } from '../actions/backup-action.ts';
import { RateMeter } from '../actions/rate-meter.ts';
import type { RetrievalOptions, RetrievalSummary } from '../actions/retrieve-packs.ts';
import { snapshotEntry } from '../catalog/catalog-entry.ts';
import { type BackupRecord, backupRecord } from '../reference/backup-record.ts';
import { selectBackups } from '../reference/select-backups.ts';
import { type BackupSelection, selectSnapshots } from '../reference/select-snapshots.ts';
import { loadSnapshots, loadVaultIndex, loadWholeIndex, openSession, type VaultSession } from '../vault-session.ts';
import { hasShelves } from '../../values/value-shelf.ts';
import type { BackupForm } from './backup-shelf.ts';
import type { CareOptions } from './care-options.ts';
import { packsOfCopies, retrieveForCopy } from './copy-retrieval.ts';
import { copyShelves, planShelves, type ShelfCopies } from './copy-shelves.ts';

export interface CopyOptions extends BackupSelection, CareOptions<CopyResult> {
  /** Snapshots, archives and values by default, as far as the target can hold them. */
  readonly forms?: readonly BackupForm[] | undefined;
  /** For data that is not compressed in the source; what is compressed stays as it is. */
  readonly compression?: CompressionLevel | undefined;
  readonly packSizeBytes?: number | undefined;
  /** Open and hash every blob again before its pack is stored; by default where the target is remote. */
  readonly verifyWrites?: boolean | undefined;
  /**
   * How what lies in cold storage in the source is retrieved. What can be read is copied meanwhile; for the rest the copy ends with
   * `RETRIEVAL_PENDING`, or waits. Without it nothing is asked for, and the copy ends with `OBJECT_COLD`.
   */
  readonly retrieval?: RetrievalOptions | undefined;
  /** Told of each backup that was copied, or could not be. */
  readonly onCopy?: ((copy: BackupCopy) => void) | undefined;
}

/** The outcome for one backup. `backup` is the one in the source, `id` its id in the target. */
export type BackupCopy =
  | {
      readonly outcome: 'copied';
      readonly backup: BackupRecord;
      /** `null` in a plan. */ readonly id: string | null;
    }
  | { readonly outcome: 'present'; readonly backup: BackupRecord; readonly id: string }
  | {
      readonly outcome: 'failed';
      readonly backup: BackupRecord;
      readonly code: ErrorCode;
      readonly message: string;
    };

export interface CopyResult {
  /** One for each chosen backup: snapshots, archives, values, each oldest first. */
  readonly copies: readonly BackupCopy[];
  /** Blobs that some of them need, and that neither vault has: the first 10,000, and how many there are. */
  readonly lost: readonly UncopiedBlob[];
  readonly lostBlobs: number;
  /** Blobs that the target did not have; and their bytes in the source, with those of archives and values, compressed and encrypted. */
  readonly blobs: number;
  readonly bytes: number;
  /** Packs stored in the target; and their bytes, with those of archives and values; 0 in a plan. */
  readonly packs: number;
  readonly storedBytes: number;
  /** What has to come from cold storage for it, where the source has such classes. */
  readonly retrieval?: RetrievalSummary;
}

/** Lost blobs that are named while it runs; the result has more. */
const NAMED = 20;

type TargetVault = Pick<ActionContext, 'repository' | 'settings'>;

/** Copies backups from the vault of `context` to another one. Nothing is removed anywhere. */
export async function copyBackups(
  context: ActionContext,
  target: TargetVault,
  options: CopyOptions,
): Promise<CopyResult> {
  if (isSame(context.repository, target.repository)) {
    throw new CairnArgumentError('source and target of a copy are the same vault', {
      hint: 'Name two different vaults.',
    });
  }
  const purpose = options.dryRun === true ? 'read' : 'write';
  const { repository, settings, signal } = context;
  await using reading = await openSession(repository, settings, { mode: 'shared', purpose: 'read', signal });
  await using writing = await openSession(target.repository, target.settings, {
    mode: 'shared',
    purpose,
    signal: reading.signal,
  });
  // Its signal follows both locks and the caller.
  return await copyForms({ ...context, signal: writing.signal }, target, options, writing);
}

/** Snapshots, and then what stands alone. */
async function copyForms(
  context: ActionContext,
  target: TargetVault,
  options: CopyOptions,
  session: VaultSession,
): Promise<CopyResult> {
  const forms = formsOf(target, options);
  const { archives, values, snapshots } = await selectBackups(context, options, forms);
  const shelves = await planShelves(context, target, { archives, values });
  const dryRun = options.dryRun === true;
  const run = snapshots === undefined ? undefined : new CopyRun(context, target, { ...options, ...snapshots }, session);
  const planned = await run?.plan();
  const plan = withShelves(planned?.foreseen ?? nothing, shelves.foreseen);
  if (!dryRun) await options.onPlan?.(plan);
  const needed = [...(planned?.packs.keys() ?? []), ...shelves.archives.map(({ object }) => object)];
  const { retrieval, missing, reason } = await retrieveForCopy({ ...context, dryRun }, needed, options.retrieval);
  const found = retrieval === undefined ? {} : { retrieval };
  if (dryRun) return { ...plan, ...found };
  const result =
    run === undefined || planned === undefined ? nothing : await run.apply(await run.without(missing, planned));
  const readable = { ...shelves, archives: shelves.archives.filter(({ object }) => !missing.has(object)) };
  const copied = withShelves(result, await copyShelves(context, target, readable, options.onCopy));
  // What could be read is there by now; the next run goes on with the rest.
  if (reason !== undefined) throw reason;
  return { ...copied, ...found };
}

const allForms: readonly BackupForm[] = ['snapshot', 'archive', 'value'];

/** What a target of restic's files cannot hold is left out where nobody asked for it, and named. */
function formsOf({ repository: { origin }, settings }: TargetVault, { forms }: CopyOptions): ReadonlySet<BackupForm> {
  if (forms !== undefined) return new Set(forms);
  if (hasShelves(origin)) return new Set(allForms);
  settings.notify({
    level: 'info',
    message: `${origin.url} takes the files of a restic repository only: archives and values are not copied`,
  });
  return new Set(['snapshot']);
}

const nothing: CopyResult = { copies: [], lost: [], lostBlobs: 0, blobs: 0, bytes: 0, packs: 0, storedBytes: 0 };

function withShelves(result: CopyResult, { copies, bytes, storedBytes }: ShelfCopies): CopyResult {
  return {
    ...result,
    copies: [...result.copies, ...copies],
    bytes: result.bytes + bytes,
    storedBytes: result.storedBytes + storedBytes,
  };
}

function isSame(a: Repository, b: Repository): boolean {
  // A clone elsewhere has the same id, and may well need what the original got since.
  return a.config.id === b.config.id && a.origin.url === b.origin.url;
}

/** What is copied, and between which two. */
interface CopyWork {
  readonly source: CopySide;
  readonly target: CopySide;
  readonly trees: SourceTrees;
  readonly planned: readonly PlannedCopy[];
}

interface PlannedRun {
  /** What it comes to if all goes well. */
  readonly foreseen: CopyResult;
  readonly chosen: readonly SnapshotRecord[];
  readonly present: ReadonlyMap<SnapshotRecord, SnapshotId>;
  /** Packs of the source that have the data, with their numbers in its index. */
  readonly packs: ReadonlyMap<ObjectName, number>;
  /** `undefined` where there is nothing to copy. */
  readonly work: CopyWork | undefined;
}

class CopyRun {
  readonly #context: ActionContext;
  readonly #target: TargetVault;
  readonly #options: CopyOptions;
  readonly #session: VaultSession;
  readonly #damage: CopyDamage;

  constructor(context: ActionContext, target: TargetVault, options: CopyOptions, session: VaultSession) {
    this.#context = context;
    this.#target = target;
    this.#options = options;
    this.#session = session;
    this.#damage = new CopyDamage(({ message }) => {
      const { size } = this.#damage;
      if (size <= NAMED) context.settings.notify({ level: 'warning', message });
      if (size === NAMED) context.settings.notify({ level: 'warning', message: 'more lost blobs are not named here' });
    });
  }

  /** What is to be done; changes nothing. */
  async plan(): Promise<PlannedRun> {
    const { repository, settings, signal } = this.#context;
    // Snapshots of both before any index: what a snapshot refers to is in an index file that was there before it.
    const chosen = selectSnapshots(await loadSnapshots(repository, settings, signal), this.#options);
    const known = new CopiedSnapshots(await loadSnapshots(this.#target.repository, this.#target.settings, signal));
    const present = new Map<SnapshotRecord, SnapshotId>();
    for (const record of chosen) {
      const copy = known.find(record);
      if (copy !== undefined) present.set(record, copy.id);
    }
    const wanted = chosen.filter((record) => !present.has(record));
    if (wanted.length === 0) {
      return { foreseen: resultOf(chosen, present, new Map(), []), chosen, present, packs: new Map(), work: undefined };
    }
    const work = await this.#plan(wanted);
    const { source, trees, planned } = work;
    const foreseen = resultOf(chosen, present, await this.#foresee(planned, trees), planned, this.#damage);
    return { foreseen, chosen, present, packs: packsOfCopies(source, planned), work };
  }

  /** The same plan for the snapshots that need nothing of the packs that cannot be read: a part of one would be of no use. */
  async without(missing: ReadonlySet<ObjectName>, plan: PlannedRun): Promise<PlannedRun> {
    const { work } = plan;
    const packs = new Set([...plan.packs].flatMap(([name, number]) => (missing.has(name) ? [number] : [])));
    if (work === undefined || packs.size === 0) return plan;
    const { signal } = this.#context;
    const readable = await snapshotsWithout(packs, work.planned, work, signal);
    const { source, target, trees } = work;
    // Planned anew: what a snapshot that has to wait would have brought, those behind it have to bring themselves.
    const planned = await planCopy(source, target, readable, { trees, damage: this.#damage, signal });
    return { ...plan, work: { ...work, planned } };
  }

  async apply({ foreseen, chosen, present, work }: PlannedRun): Promise<CopyResult> {
    if (work === undefined) return foreseen;
    await this.#session.assertHeld();
    const { source, target, trees, planned } = work;
    const done = await this.#apply(source, target, trees, planned);
    const outcomes = new Map(done.snapshots.map((copied) => [copied.record, copyOf(copied)]));
    return resultOf(chosen, present, outcomes, planned, this.#damage, done);
  }

  async #plan(wanted: readonly SnapshotRecord[]): Promise<CopyWork> {
    const { repository, settings, signal, report } = this.#context;
    const { repository: targetRepository, settings: targetSettings } = this.#target;
    const source = { repository, index: await loadVaultIndex(repository, settings, signal) };
    const target = {
      repository: targetRepository,
      index: await loadWholeIndex(targetRepository, targetSettings, signal),
    };
    const trees = new SourceTrees(source, target);
    const planned = await planCopy(source, target, wanted, {
      trees,
      damage: this.#damage,
      signal,
      onTree: (completed) =>
        report({
          phase: 'plan',
          completed,
          total: undefined,
          unit: 'steps',
          description: '',
          errors: this.#damage.size,
        }),
    });
    return { source, target, trees, planned };
  }

  #record(copied: CopiedSnapshot): void {
    if (copied.outcome !== 'copied') return;
    const { snapshot } = copied.record;
    this.#target.settings.catalog?.recordBackup(snapshotEntry({ id: copied.copy, snapshot }));
  }

  /** The foreseen outcome for each snapshot, before anything is copied. */
  async #foresee(
    planned: readonly PlannedCopy[],
    trees: SourceTrees,
  ): Promise<ReadonlyMap<SnapshotRecord, BackupCopy>> {
    const tracer = new DamageTracer(trees, this.#damage);
    const outcomes = new Map<SnapshotRecord, BackupCopy>();
    for (const { record } of planned) {
      const backup = backupRecord(record);
      const lost = await tracer.find(record.snapshot.tree, this.#context.signal);
      if (lost === undefined) outcomes.set(record, { outcome: 'copied', backup, id: null });
      else outcomes.set(record, { outcome: 'failed', backup, code: lost.code, message: lost.message });
    }
    return outcomes;
  }

  async #apply(
    source: CopySide,
    target: CopySide,
    trees: SourceTrees,
    planned: readonly PlannedCopy[],
  ): Promise<CopySnapshotsResult> {
    const { settings, signal, report } = this.#context;
    const { compression, packSizeBytes, verifyWrites, onCopy } = this.#options;
    const totalBytes = planned.reduce((sum, { needed }) => sum + needed.bytes, 0);
    const meter = new RateMeter();
    let bytes = 0;
    return await copySnapshots(source, target, planned, {
      trees,
      damage: this.#damage,
      compression,
      packSizeBytes,
      verifyWrites,
      jobs: settings.jobs,
      signal,
      assertHeld: () => this.#session.assertHeld(),
      onSnapshot: (copied) => {
        this.#record(copied);
        onCopy?.(copyOf(copied));
      },
      onBytes: (more) => {
        bytes += more;
        meter.note(bytes);
        const { rate } = meter;
        const etaMs = meter.etaMs(bytes, totalBytes);
        report({
          phase: 'copy',
          completed: bytes,
          total: totalBytes,
          unit: 'bytes',
          description: '',
          bytes,
          totalBytes,
          errors: this.#damage.size,
          ...(rate === undefined ? {} : { rate }),
          ...(etaMs === undefined ? {} : { etaMs }),
        });
      },
    });
  }
}

function copyOf(copied: CopiedSnapshot): BackupCopy {
  const backup = backupRecord(copied.record);
  if (copied.outcome === 'copied') return { outcome: 'copied', backup, id: copied.copy };
  return { outcome: 'failed', backup, code: copied.code, message: copied.message };
}

function resultOf(
  chosen: readonly SnapshotRecord[],
  present: ReadonlyMap<SnapshotRecord, SnapshotId>,
  outcomes: ReadonlyMap<SnapshotRecord, BackupCopy>,
  planned: readonly PlannedCopy[],
  damage?: CopyDamage,
  { packs, storedBytes }: Pick<CopySnapshotsResult, 'packs' | 'storedBytes'> = { packs: 0, storedBytes: 0 },
): CopyResult {
  const copies = chosen.flatMap((record): BackupCopy[] => {
    const id = present.get(record);
    if (id !== undefined) return [{ outcome: 'present', backup: backupRecord(record), id }];
    const outcome = outcomes.get(record);
    return outcome === undefined ? [] : [outcome];
  });
  const blobs = planned.reduce((sum, { needed }) => sum + needed.data.length + needed.trees.length, 0);
  const bytes = planned.reduce((sum, { needed }) => sum + needed.bytes, 0);
  return { copies, lost: damage?.listed ?? [], lostBlobs: damage?.size ?? 0, blobs, bytes, packs, storedBytes };
}
