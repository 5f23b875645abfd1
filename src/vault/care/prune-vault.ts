import { CairnError, hasCode } from '../../base/errors.ts';
import type { Progress } from '../../base/job.ts';
import type { PackId } from '../../base/ids.ts';
import { planPrune, type PlannedPrune } from '../../repository/prune/plan-prune.ts';
import type { PrunePlan } from '../../repository/prune/prune-plan.ts';
import type { PruneProgress } from '../../repository/prune/prune-progress.ts';
import type { PruneRules } from '../../repository/prune/prune-rules.ts';
import { repack, type RepackResult } from '../../repository/prune/repack.ts';
import { swapPacks, type SwapResult } from '../../repository/prune/swap-packs.ts';
import type { ActionContext } from '../actions/backup-action.ts';
import { RateMeter } from '../actions/rate-meter.ts';
import { openReadingSession, type ReadingSession } from '../reading-session.ts';
import { openSession, type VaultSession } from '../vault-session.ts';
import type { CareOptions } from './care-options.ts';
import { assertMayRemove, removeLeftovers } from './exclusive-session.ts';

export interface PruneOptions extends PruneRules, CareOptions<PrunePlan> {
  /** Prune also where there is no backup at all, so that nothing stays. */
  readonly allowEmpty?: boolean | undefined;
  /** How long to wait for backups that run, before the packs are swapped; ten minutes by default. */
  readonly waitMs?: number | undefined;
}

export interface PruneResult {
  readonly plan: PrunePlan;
  /** `planned` for a dry run; `nothing` where nothing was to be done; `partial` where something stays that should not. */
  readonly status: 'planned' | 'nothing' | 'complete' | 'partial';
  readonly removedPacks: number;
  /** How many bytes smaller the vault is, index files aside; negative where more was written than removed. */
  readonly freedBytes: number;
  readonly bytesRead: number;
  readonly bytesWritten: number;
  /** Backups that were made meanwhile, and packs that stay for them. */
  readonly newBackups: number;
  readonly rescuedPacks: number;
  /** Packs in which a blob that a backup needs is damaged: they stay, for `repair packs`. */
  readonly damagedPacks: readonly PackId[];
  /** Packs that could not be removed: the next prune removes them. */
  readonly failedPacks: number;
  readonly failure: string | null;
  /** What interrupted writes had left, and is removed, or in a dry run would be. */
  readonly interruptedWrites: number;
  /** How long others had to wait. */
  readonly exclusiveMs: number;
}

/** What is done when the exclusive lock is taken. */
interface Prepared {
  readonly planned: PlannedPrune;
  readonly repacked: RepackResult;
  readonly interruptedWrites: number;
}

const DEFAULT_WAIT_MS = 10 * 60_000;

/** What a prune would do. Nothing is changed, and others may go on. */
export async function planPruneOfVault(context: ActionContext, options: PruneOptions): Promise<PrunePlan> {
  const opened = await openPlanning(context, options, 'read');
  await using _session = opened.session;
  return opened.loaded.plan;
}

async function rehearse(context: ActionContext, options: PruneOptions): Promise<PruneResult> {
  const planned = await planPruneOfVault(context, options);
  const { repository, settings, signal } = context;
  return emptyResult(planned, 'planned', await removeLeftovers(repository, settings, { dryRun: true, signal }));
}

/**
 * Removes what no backup needs. Backups may run while it is found out and while packs are repacked; the exclusive lock is
 * taken at the end only, for the time of a few requests.
 */
export async function pruneVault(context: ActionContext, options: PruneOptions): Promise<PruneResult> {
  if (options.dryRun === true) return await rehearse(context, options);
  const { repository, settings } = context;
  const { session: shared, loaded: planned } = await openPlanning(context, options, 'write');
  await using _shared = shared;
  const { repacked, interruptedWrites } = await prepare(context, options, shared, planned);
  if (repacked === undefined) return emptyResult(planned.plan, 'nothing', interruptedWrites);
  context.report(progressOf({ phase: 'wait', completed: 0, total: undefined }, new RateMeter()));
  const waitMs = Math.max(settings.retryLockMs, options.waitMs ?? DEFAULT_WAIT_MS);
  await using session = await exclusiveSession({ ...context, settings: { ...settings, retryLockMs: waitMs } }, shared);
  const started = performance.now();
  const swapped = await swapPacks(repository, planned, repacked, {
    signal: session.signal,
    assertHeld: () => session.assertHeld(),
    onProgress: reporter(context),
  });
  return resultOf({ planned, repacked, interruptedWrites }, swapped, performance.now() - started);
}

function openPlanning(
  context: ActionContext,
  options: PruneOptions,
  purpose: 'read' | 'write',
): Promise<ReadingSession<PlannedPrune>> {
  const { repository, settings, signal } = context;
  const mode = { mode: 'shared', purpose, signal } as const;
  return openReadingSession(repository, settings, mode, (during) => plan(context, options, during));
}

/** All that goes on under the shared lock, where others may go on: the exclusive one is held for a few requests only. Nothing is repacked where there is nothing to do. */
async function prepare(
  context: ActionContext,
  options: PruneOptions,
  session: VaultSession,
  planned: PlannedPrune,
): Promise<Partial<Pick<Prepared, 'repacked'>> & Pick<Prepared, 'interruptedWrites'>> {
  const { repository, settings } = context;
  const { signal } = session;
  const leftovers = removeLeftovers(repository, settings, { signal });
  let mayRemove: Promise<void> | undefined;
  try {
    if (!changesVault(planned.plan)) return { interruptedWrites: await leftovers };
    refuseIfEmpty(planned, options);
    mayRemove = assertMayRemove(repository, signal);
    // Thrown by whatever waits to write.
    mayRemove.catch(() => {});
    await options.onPlan?.(planned.plan);
    await session.assertHeld();
    const repacked = await repack(repository, planned, {
      signal,
      assertHeld: (seenForMs) => session.assertHeld(seenForMs),
      writeGate: mayRemove,
      jobs: settings.jobs,
      onProgress: reporter(context),
    });
    await mayRemove;
    return { repacked, interruptedWrites: await leftovers };
  } finally {
    await Promise.allSettled([leftovers, mayRemove]);
  }
}

async function exclusiveSession(
  { repository, settings, signal }: ActionContext,
  instead: VaultSession,
): Promise<VaultSession> {
  try {
    return await openSession(repository, settings, { mode: 'exclusive', purpose: 'write', signal, instead });
  } catch (error) {
    if (!hasCode(error, 'VAULT_LOCKED')) throw error;
    throw new CairnError('VAULT_LOCKED', `nothing was removed yet: ${error.message}`, {
      hint: 'What was repacked is kept: run the command again when that process has ended, or with a longer --wait.',
      retry: 'later',
      cause: error,
      facts: error.facts,
    });
  }
}

function plan(context: ActionContext, options: PruneOptions, signal: AbortSignal): Promise<PlannedPrune> {
  const { repository } = context;
  return planPrune(repository, {
    ...options,
    // Cold data cannot be read at once, so only whole packs that nothing needs are removed.
    repackCacheableOnly: options.repackCacheableOnly ?? repository.config.coldClass !== undefined,
    signal,
    onProgress: reporter(context),
    onWarning: (message) => context.settings.notify({ level: 'warning', message }),
  });
}

function changesVault({ repack, remove, unindexed, packs }: PrunePlan): boolean {
  return repack.packs + remove.packs + unindexed.packs + packs.missing > 0;
}

/** A listing that wrongly comes out empty must not cost everything. */
function refuseIfEmpty({ snapshots, index }: PlannedPrune, { allowEmpty = false }: PruneOptions): void {
  if (snapshots.size > 0 || index.size === 0 || allowEmpty) return;
  throw new CairnError('PRUNE_REFUSED', 'there is no backup at all, so a prune would remove everything', {
    hint: 'Nothing was removed. If the vault shall be empty, say so: --allow-empty. Otherwise look for the backups with `cairn recover`.',
    facts: { packs: index.packCount },
  });
}

function reporter({ report }: ActionContext): (progress: PruneProgress) => void {
  const meter = new RateMeter();
  return (progress) => report(progressOf(progress, meter));
}

function progressOf({ phase, completed, total, bytes, totalBytes }: PruneProgress, meter: RateMeter): Progress {
  const base = { phase, description: '', errors: 0 };
  if (bytes === undefined) return { ...base, completed, total, unit: 'steps' };
  meter.note(bytes);
  const { rate } = meter;
  const etaMs = meter.etaMs(bytes, totalBytes);
  return {
    ...base,
    completed: bytes,
    total: totalBytes,
    unit: 'bytes',
    bytes,
    ...(totalBytes === undefined ? {} : { totalBytes }),
    ...(rate === undefined ? {} : { rate }),
    ...(etaMs === undefined ? {} : { etaMs }),
  };
}

function emptyResult(plan: PrunePlan, status: PruneResult['status'], interruptedWrites: number): PruneResult {
  return {
    plan,
    status,
    removedPacks: 0,
    freedBytes: 0,
    bytesRead: 0,
    bytesWritten: 0,
    newBackups: 0,
    rescuedPacks: 0,
    damagedPacks: [],
    failedPacks: 0,
    failure: null,
    interruptedWrites,
    exclusiveMs: 0,
  };
}

function resultOf(
  { planned: { plan, index }, repacked: { damagedPacks, bytesRead, bytesWritten }, interruptedWrites }: Prepared,
  { removedPacks, removedBytes, failed, newSnapshots, rescuedPacks }: SwapResult,
  exclusiveMs: number,
): PruneResult {
  return {
    plan,
    status: damagedPacks.size > 0 || failed !== undefined ? 'partial' : 'complete',
    removedPacks: removedPacks.length,
    freedBytes: removedBytes - bytesWritten,
    bytesRead,
    bytesWritten,
    newBackups: newSnapshots,
    rescuedPacks,
    damagedPacks: [...damagedPacks].map((pack) => index.packId(pack)),
    failedPacks: failed?.packs ?? 0,
    failure: failed?.message ?? null,
    interruptedWrites,
    exclusiveMs: Math.round(exclusiveMs),
  };
}
