// Brings packs that lie in a cold storage class within reach, before something reads them.
import { join } from 'node:path';
import { CairnError } from '../../base/errors.ts';
import type { PackId } from '../../base/ids.ts';
import type { Progress } from '../../base/job.ts';
import { objectName } from '../../repository/layout.ts';
import { ensureHot, type RetrievalProgress } from '../../storage/cold/ensure-hot.ts';
import type { RetrievalPlan, RetrievalPrices } from '../../storage/cold/retrieval-plan.ts';
import { openLocalStorage } from '../../storage/drivers/local.ts';
import type { ObjectName, RetrievalTier } from '../../storage/storage.ts';
import type { ActionContext } from './backup-action.ts';

/** How objects come back from cold storage. */
export interface RetrievalOptions {
  /** `standard` by default. */
  readonly tier?: RetrievalTier | undefined;
  /** How long the copies are kept; 7 by default. */
  readonly days?: number | undefined;
  /** What your provider takes, for the estimate; there is none without. */
  readonly prices?: RetrievalPrices | undefined;
  /** Wait until all are there and go on; without it the action ends with `RETRIEVAL_PENDING`. */
  readonly wait?: boolean | undefined;
  /** Asked before the first request that costs something, with what it would be; throws to refuse. */
  readonly confirm?: ((retrieval: RetrievalSummary) => Promise<void>) | undefined;
}

/** What has to come from cold storage. */
export interface RetrievalSummary {
  /** All that are needed, and their bytes. */
  readonly objects: number;
  readonly bytes: number;
  /** How many of them are to be asked for. */
  readonly coldObjects: number;
  readonly coldBytes: number;
  /** How many of them were asked for before and are not there yet. */
  readonly retrievingObjects: number;
  readonly retrievingBytes: number;
  readonly tier: RetrievalTier;
  readonly days: number;
  /** When they are there at the latest, by what the provider publishes. */
  readonly expectedBy: Date | undefined;
  /** By the prices that were given. */
  readonly price: number | undefined;
}

export interface RetrieveContext extends Pick<ActionContext, 'repository' | 'settings' | 'report'> {
  readonly signal: AbortSignal;
  readonly dryRun: boolean;
}

/**
 * Returns when these packs can be read; in a dry run at once, with what would have to happen. Returns `undefined` where
 * nothing can be cold. Throws `RETRIEVAL_PENDING` where some are on their way, and `OBJECT_COLD` where some are cold and
 * nobody said how to retrieve them.
 */
export async function retrievePacks(
  context: RetrieveContext,
  packs: readonly PackId[],
  options: RetrievalOptions | undefined,
): Promise<RetrievalSummary | undefined> {
  return retrieveObjects(
    context,
    packs.map((pack) => objectName('pack', pack)),
    options,
  );
}

/** The same for objects of any kind. */
export async function retrieveObjects(
  context: RetrieveContext,
  objects: readonly ObjectName[],
  options: RetrievalOptions | undefined,
): Promise<RetrievalSummary | undefined> {
  const { repository, settings, signal, dryRun, report } = context;
  const { origin, config } = repository;
  if (origin.cold === undefined || objects.length === 0) return undefined;
  const folder = settings.memoryFolder;
  await using notes = folder === undefined ? undefined : openLocalStorage(join(folder, config.id));
  const result = await ensureHot(origin, objects, {
    ...options,
    // Whoever did not say how asks for nothing, not even for more days of copies that would go away.
    dryRun: dryRun || options === undefined,
    confirm: async (plan) => options?.confirm?.(summaryOf(plan)),
    notes,
    onProgress: (progress) => report(progressOf(progress)),
    signal,
  });
  const { plan } = result;
  if (plan === undefined) return undefined;
  if (result.kind === 'pending' && !dryRun) {
    throw options === undefined && plan.cold.length > 0 ? coldError(plan) : pendingError(result.plan);
  }
  return summaryOf(plan);
}

/** Those of these objects that cannot be read now: in the cold, or on their way. */
export async function unreadableNow(
  { repository: { origin }, signal }: Pick<RetrieveContext, 'repository' | 'signal'>,
  objects: readonly ObjectName[],
): Promise<ReadonlySet<ObjectName>> {
  const { plan } = await ensureHot(origin, objects, { dryRun: true, signal });
  return new Set(plan === undefined ? [] : [...plan.cold, ...plan.retrieving].map(({ name }) => name));
}

function summaryOf(plan: RetrievalPlan): RetrievalSummary {
  const { objects, bytes, cold, coldBytes, retrieving, retrievingBytes, tier, days, expectedBy, price } = plan;
  return {
    objects,
    bytes,
    coldObjects: cold.length,
    coldBytes,
    retrievingObjects: retrieving.length,
    retrievingBytes,
    tier,
    days,
    expectedBy,
    price,
  };
}

function coldError(plan: RetrievalPlan): CairnError {
  const message = `${plan.cold.length} of ${plan.objects} objects that are needed are in cold storage (${plan.coldBytes} bytes)`;
  return new CairnError('OBJECT_COLD', message, {
    hint: 'Say how they are to be retrieved: the option `retrieval`.',
    facts: { objects: plan.cold.length, bytes: plan.coldBytes },
  });
}

function pendingError(plan: RetrievalPlan): CairnError {
  const objects = plan.cold.length + plan.retrieving.length;
  const bytes = plan.coldBytes + plan.retrievingBytes;
  const when = plan.expectedBy === undefined ? '' : `, at the latest by ${plan.expectedBy.toISOString()}`;
  return new CairnError(
    'RETRIEVAL_PENDING',
    `${objects} of ${plan.objects} objects (${bytes} bytes) are on their way from cold storage${when}; nothing of them was read yet`,
    {
      hint: 'Run the same command again then: nothing is asked for twice. With --wait it waits.',
      retry: 'later',
      facts: {
        objects,
        bytes,
        neededObjects: plan.objects,
        neededBytes: plan.bytes,
        requestedObjects: plan.cold.length,
        requestedBytes: plan.coldBytes,
        tier: plan.tier,
        days: plan.days,
        ...(plan.expectedBy === undefined ? {} : { expectedBy: plan.expectedBy.toISOString() }),
        ...(plan.price === undefined ? {} : { price: plan.price }),
      },
    },
  );
}

const descriptions: Readonly<Record<RetrievalProgress['phase'], string>> = {
  look: 'looking at objects in cold storage',
  request: 'asking for objects from cold storage',
  wait: 'waiting for objects from cold storage',
};

function progressOf(progress: RetrievalProgress): Progress {
  const { phase, objects, totalObjects, bytes, totalBytes, expectedBy } = progress;
  const by = expectedBy === undefined ? '' : `, at the latest by ${expectedBy.toISOString()}`;
  return {
    phase: 'retrieve',
    completed: objects,
    total: totalObjects,
    unit: 'packs',
    description: descriptions[phase] + by,
    ...(phase === 'look' ? {} : { bytes, totalBytes }),
    errors: 0,
  };
}
