import { CairnError } from '../../base/errors.ts';
import type { ColdObjectInfo, ColdStorage, ObjectName, RetrievalTier } from '../storage.ts';
import type { LedgerEntry } from './retrieval-ledger.ts';

const HOUR_MS = 3_600_000;
const GB = 1e9;

/** A copy that goes away within this time is asked for again: what needs it may take a while. */
const MARGIN_MS = 12 * HOUR_MS;

/** What the provider takes, as the user says. There are no prices in this program. */
export interface RetrievalPrices {
  /** For 10⁹ bytes retrieved. */
  readonly perGb?: number | undefined;
  readonly per1000Requests?: number | undefined;
}

export interface RetrievalPolicy {
  readonly tier: RetrievalTier;
  /** How long the copies are kept. */
  readonly days: number;
  readonly prices?: RetrievalPrices | undefined;
}

/** What has to happen before some objects can be read. */
export interface RetrievalPlan extends RetrievalPolicy {
  /** All that are needed, as many as are there. */
  readonly objects: number;
  readonly bytes: number;
  /** To be asked for. */
  readonly cold: readonly ColdObjectInfo[];
  readonly coldBytes: number;
  /** Asked for already. */
  readonly retrieving: readonly ColdObjectInfo[];
  readonly retrievingBytes: number;
  /** Can be read, and are asked for again so that they stay. */
  readonly expiring: readonly ColdObjectInfo[];
  /** When all are there at the latest by what the provider publishes; `undefined` where all can be read now. */
  readonly expectedBy: Date | undefined;
  /** By the prices that were given. */
  readonly price: number | undefined;
}

export interface PlanContext {
  readonly nowMs: number;
  /** What this machine asked for before. */
  readonly asked: (name: ObjectName) => LedgerEntry | undefined;
  readonly publishedMs: ColdStorage['publishedMs'];
}

/** Throws `ARGUMENT_INVALID` where a class that has to be read has no such tier. */
export function planRetrieval(
  infos: readonly ColdObjectInfo[],
  policy: RetrievalPolicy,
  context: PlanContext,
): RetrievalPlan {
  const cold: ColdObjectInfo[] = [];
  const retrieving: ColdObjectInfo[] = [];
  const expiring: ColdObjectInfo[] = [];
  for (const info of infos) {
    const { state } = info;
    if (state.kind === 'retrieving') retrieving.push(info);
    else if (state.kind === 'cold') cold.push(info);
    else if (state.kind === 'retrieved') {
      const leftMs = state.until.getTime() - context.nowMs;
      if (leftMs <= 0) cold.push(info);
      else if (leftMs < MARGIN_MS) expiring.push(info);
    }
  }
  const coldBytes = bytesOf(cold);
  return {
    ...policy,
    objects: infos.length,
    bytes: bytesOf(infos),
    cold,
    coldBytes,
    retrieving,
    retrievingBytes: bytesOf(retrieving),
    expiring,
    expectedBy: expectedBy(cold, retrieving, policy.tier, context),
    price: priceOf(cold.length, coldBytes, policy.prices),
  };
}

/** Whether everything can be read now. */
export function isReadable({ cold, retrieving }: RetrievalPlan): boolean {
  return cold.length === 0 && retrieving.length === 0;
}

function expectedBy(
  cold: readonly ColdObjectInfo[],
  retrieving: readonly ColdObjectInfo[],
  tier: RetrievalTier,
  { nowMs, asked, publishedMs }: PlanContext,
): Date | undefined {
  let latestMs = 0;
  for (const { state } of cold) {
    const storageClass = state.kind === 'hot' ? '' : state.storageClass;
    const neededMs = publishedMs(storageClass, tier);
    if (neededMs === undefined) throw noSuchTier(storageClass, tier);
    latestMs = Math.max(latestMs, nowMs + neededMs);
  }
  for (const { name, state } of retrieving) {
    const entry = asked(name);
    const storageClass = state.kind === 'hot' ? '' : state.storageClass;
    // Somebody else asked for it, with a tier that nobody tells: the slowest is assumed.
    const neededMs = publishedMs(storageClass, entry?.tier ?? 'bulk') ?? 0;
    latestMs = Math.max(latestMs, (entry?.askedAtMs ?? nowMs) + neededMs, nowMs);
  }
  return latestMs === 0 ? undefined : new Date(latestMs);
}

function priceOf(objects: number, bytes: number, prices: RetrievalPrices = {}): number | undefined {
  const { perGb, per1000Requests } = prices;
  if (perGb === undefined && per1000Requests === undefined) return undefined;
  return (bytes / GB) * (perGb ?? 0) + (objects / 1000) * (per1000Requests ?? 0);
}

function bytesOf(infos: readonly ColdObjectInfo[]): number {
  return infos.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}

function noSuchTier(storageClass: string, tier: RetrievalTier): CairnError {
  return new CairnError('ARGUMENT_INVALID', `the storage class ${storageClass} has no ${tier} retrieval`, {
    hint: 'Choose another tier: standard, or bulk, which is slower and costs less.',
    facts: { storageClass, tier },
  });
}
