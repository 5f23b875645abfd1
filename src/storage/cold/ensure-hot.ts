import { type Clock, msToNs, systemClock } from '../../base/clock.ts';
import { mapConcurrent } from '../../base/concurrency.ts';
import { CairnError } from '../../base/errors.ts';
import type { ColdObjectInfo, ColdStorage, ObjectName, RetrievalTier, Storage } from '../storage.ts';
import { RetrievalLedger } from './retrieval-ledger.ts';
import { isReadable, planRetrieval, type RetrievalPlan, type RetrievalPrices } from './retrieval-plan.ts';

/** Requests after which the ledger is written: what a killed run loses of its notes. */
const NOTE_EVERY = 500;
const FIRST_POLL_MS: Readonly<Record<RetrievalTier, number>> = { expedited: 15_000, standard: 60_000, bulk: 60_000 };
const LONGEST_POLL_MS = 10 * 60_000;
/** A storage that says yes so often and brings nothing is broken. */
const MOST_REQUESTS = 3;

/** How far it is. */
export interface RetrievalProgress {
  readonly phase: 'look' | 'request' | 'wait';
  readonly objects: number;
  readonly totalObjects: number;
  readonly bytes: number;
  readonly totalBytes: number;
  readonly expectedBy: Date | undefined;
}

export interface EnsureHotOptions {
  readonly tier?: RetrievalTier | undefined;
  /** How long the copies are kept; 7 by default. */
  readonly days?: number | undefined;
  readonly prices?: RetrievalPrices | undefined;
  /** Come back when all can be read, however long that takes. */
  readonly wait?: boolean | undefined;
  /** Ask for nothing: the result is the plan. */
  readonly dryRun?: boolean | undefined;
  /** Asked before the first request that costs something; throws to refuse. */
  readonly confirm?: ((plan: RetrievalPlan) => Promise<void>) | undefined;
  /** A folder of this machine in which requests are noted for later runs. */
  readonly notes?: Storage | undefined;
  readonly onProgress?: ((progress: RetrievalProgress) => void) | undefined;
  readonly clock?: Clock | undefined;
  readonly signal?: AbortSignal | undefined;
}

export type HotResult =
  /** All can be read, or reading will say what is wrong. `plan`: what was found at first; none where nothing can be cold. */
  | { readonly kind: 'hot'; readonly plan: RetrievalPlan | undefined }
  /** Some were asked for and are not there yet. */
  | { readonly kind: 'pending'; readonly plan: RetrievalPlan };

/**
 * Makes sure that these objects can be read. Those in a cold class are asked for, once `confirm` agrees; what was
 * asked for before is not asked for again, and what would go away soon is. Without `wait` the result is then
 * `pending`, and the same call later goes on from there. Throws what `confirm` and the storage throw, and
 * `ARGUMENT_INVALID` for a tier that the class does not have.
 */
export async function ensureHot(
  storage: Storage,
  names: readonly ObjectName[],
  options: EnsureHotOptions = {},
): Promise<HotResult> {
  if (storage.cold === undefined || names.length === 0) return { kind: 'hot', plan: undefined };
  const retrieval = await Retrieval.begin(storage, storage.cold, options);
  const first = await retrieval.plan(names);
  if (options.dryRun === true) return { kind: isReadable(first) ? 'hot' : 'pending', plan: first };
  for (let plan = first; ; plan = await retrieval.plan(names)) {
    if (plan.cold.length > 0) await options.confirm?.(plan);
    await retrieval.request([...plan.cold, ...plan.expiring], plan.expectedBy);
    if (isReadable(plan)) return { kind: 'hot', plan: first };
    if (options.wait !== true) return { kind: 'pending', plan };
    await retrieval.wait([...plan.cold, ...plan.retrieving], plan.expectedBy);
    // Looked at once more: what came first may be about to go away when the last one is there.
  }
}

class Retrieval {
  readonly #storage: Storage;
  readonly #cold: ColdStorage;
  readonly #options: EnsureHotOptions;
  readonly #clock: Clock;
  readonly #ledger: RetrievalLedger;
  readonly #requests = new Map<ObjectName, number>();

  private constructor(storage: Storage, cold: ColdStorage, options: EnsureHotOptions, ledger: RetrievalLedger) {
    this.#storage = storage;
    this.#cold = cold;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#ledger = ledger;
  }

  static async begin(storage: Storage, cold: ColdStorage, options: EnsureHotOptions): Promise<Retrieval> {
    const ledger = await RetrievalLedger.open(options.notes, nowMs(options.clock ?? systemClock), options);
    return new Retrieval(storage, cold, options, ledger);
  }

  async plan(names: readonly ObjectName[]): Promise<RetrievalPlan> {
    const infos = await this.#look(names);
    const { prices } = this.#options;
    return planRetrieval(
      infos,
      { tier: this.#tier, days: this.#options.days ?? 7, prices },
      {
        nowMs: nowMs(this.#clock),
        asked: (name) => this.#ledger.get(name),
        publishedMs: (storageClass, tier) => this.#cold.publishedMs(storageClass, tier),
      },
    );
  }

  async request(infos: readonly ColdObjectInfo[], expectedBy: Date | undefined): Promise<void> {
    const { signal, days = 7 } = this.#options;
    const tier = this.#tier;
    const meter = this.#meter('request', infos, expectedBy);
    for (let at = 0; at < infos.length; at += NOTE_EVERY) {
      const asked: ObjectName[] = [];
      try {
        await mapConcurrent(infos.slice(at, at + NOTE_EVERY), this.#concurrency, async (info) => {
          this.#countRequest(info);
          const { name, state } = info;
          if (state.kind === 'hot') return;
          await this.#cold.retrieve(name, { storageClass: state.storageClass, tier, days, signal });
          asked.push(name);
          meter(info);
        });
      } finally {
        // Also after a failure: what was asked for comes, and costs.
        await this.#ledger.add(asked, { askedAtMs: nowMs(this.#clock), tier, days });
      }
    }
  }

  /** Until each can be read. What turns cold again is asked for again. */
  async wait(infos: readonly ColdObjectInfo[], expectedBy: Date | undefined): Promise<void> {
    const meter = this.#meter('wait', infos, expectedBy);
    let waiting = infos;
    let delayMs = FIRST_POLL_MS[this.#tier];
    while (waiting.length > 0) {
      await this.#clock.sleep(delayMs, this.#options.signal);
      delayMs = Math.min(delayMs * 1.25, LONGEST_POLL_MS);
      const now = await this.#look(waiting.map(({ name }) => name));
      await this.request(
        now.filter(({ state }) => state.kind === 'cold'),
        expectedBy,
      );
      waiting = now.filter(({ state }) => state.kind === 'cold' || state.kind === 'retrieving');
      for (const info of now) if (!waiting.includes(info)) meter(info);
    }
  }

  /** The states of those that are there; what is not, reading will tell. */
  async #look(names: readonly ObjectName[]): Promise<ColdObjectInfo[]> {
    const { signal, onProgress } = this.#options;
    let objects = 0;
    const readable = await this.#cold.readable?.(new Set(names), { signal });
    const infos = await mapConcurrent(names, this.#concurrency, async (name): Promise<ColdObjectInfo | undefined> => {
      const listed = readable?.get(name);
      const info =
        listed === undefined
          ? await this.#cold.state(name, { signal })
          : { ...listed, state: { kind: 'hot' as const } };
      const bytes = { bytes: 0, totalBytes: 0, expectedBy: undefined };
      onProgress?.({ phase: 'look', objects: ++objects, totalObjects: names.length, ...bytes });
      return info;
    });
    return infos.filter((info) => info !== undefined);
  }

  #countRequest({ name }: ColdObjectInfo): void {
    const requests = (this.#requests.get(name) ?? 0) + 1;
    this.#requests.set(name, requests);
    if (requests <= MOST_REQUESTS) return;
    throw new CairnError('STORAGE_IO', `${name} was asked for ${MOST_REQUESTS} times and is in the cold again`, {
      hint: 'See what the storage says about this object; a lifecycle rule may move it back.',
      facts: { name },
    });
  }

  #meter(
    phase: 'request' | 'wait',
    infos: readonly ColdObjectInfo[],
    expectedBy: Date | undefined,
  ): (info: ColdObjectInfo) => void {
    const totalBytes = infos.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    const total = { phase, totalObjects: infos.length, totalBytes, expectedBy } as const;
    let objects = 0;
    let bytes = 0;
    this.#options.onProgress?.({ ...total, objects, bytes });
    return ({ sizeBytes }) => {
      objects++;
      bytes += sizeBytes;
      this.#options.onProgress?.({ ...total, objects, bytes });
    };
  }

  get #tier(): RetrievalTier {
    return this.#options.tier ?? 'standard';
  }

  get #concurrency(): { readonly limit: number; readonly signal: AbortSignal | undefined } {
    return { limit: Math.max(1, this.#storage.features.connections), signal: this.#options.signal };
  }
}

function nowMs(clock: Clock): number {
  return Number(clock.nowNs() / msToNs(1));
}
