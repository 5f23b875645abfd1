import { availableParallelism } from 'node:os';
import type { Worker } from 'node:worker_threads';
import { ByteBudget } from '../../base/byte-budget.ts';
import { mapConcurrent } from '../../base/concurrency.ts';
import { hasCode, messageOf } from '../../base/errors.ts';
import { startWorker } from '../../base/start-worker.ts';
import type { BlobIndex } from '../index/blob-index.ts';
import { objectName } from '../layout.ts';
import type { Repository } from '../repository.ts';
import { ArrivingCheck, type PieceLane } from './arriving-check.ts';
import type { PresentPack } from './check-packs.ts';
import { type Finding, makeFinding } from './finding.ts';
import type { CheckPackJob, CheckWorkerSetup, FromCheckWorker, ToCheckWorker } from './messages.ts';
import type { PackTable } from './pack-table.ts';
import { PackVerifier, verifyAtOnce } from './verify-pack.ts';

export interface PackCheckOptions {
  readonly signal?: AbortSignal | undefined;
  /** Worker threads; as many as there are processors by default. */
  readonly jobs?: number | undefined;
  readonly onPack: (pack: PresentPack, findings: readonly Finding[]) => void;
}

/** Starting threads takes longer than checking this much here. */
const SMALL_BYTES = 4 * 1024 * 1024;
/** Packs a worker has: one it checks, one that waits, so that it never does. */
const DEPTH = 2;
/** Packs that are fetched whole or wait for a worker: four of the usual size. */
const MAX_FETCHED_BYTES = 64 * 1024 * 1024;

/** Reads whole packs and verifies everything in them. Bad ones are read a second time before they are told. */
export async function checkPackData(
  repository: Repository,
  index: BlobIndex,
  table: PackTable,
  packs: readonly PresentPack[],
  options: PackCheckOptions,
): Promise<void> {
  const totalBytes = packs.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const check: PackChecker =
    totalBytes <= SMALL_BYTES
      ? new InlineChecker(repository, index, table)
      : new WorkerChecker(repository, index, table, Math.min(packs.length, options.jobs ?? availableParallelism()));
  const { signal } = options;
  // A failed worker fails all packs; an abort ends the workers, which does the same.
  const onAbort = (): void => void check.end();
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    // Large ones first, so that no worker is left with one when the others are done.
    const largestFirst = packs.toSorted((a, b) => b.sizeBytes - a.sizeBytes);
    const { connections, handsOver } = repository.origin.features;
    const limit = check.readsItself ? check.capacity : Math.max(check.capacity, connections);
    const budget = new ByteBudget(MAX_FETCHED_BYTES);
    const reserve = handsOver === true ? check.reserve : undefined;
    const arriving = reserve === undefined ? undefined : new ArrivingCheck(repository, index, table, reserve);
    const isKept = keptPacks(repository, index);
    await mapConcurrent(largestFirst, { limit, signal }, async (pack) => {
      const kept = isKept(pack);
      if (!kept && (await arriving?.isGood(pack, signal)) === true) return options.onPack(pack, []);
      using _held = check.readsItself ? undefined : await budget.acquire(pack.sizeBytes);
      options.onPack(pack, await checkPack(repository, index, check, pack, kept, signal));
    });
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener('abort', onAbort);
    await check.end();
  }
}

/**
 * Packs of trees are read by the walk as well, which goes on beside: once for both, where they are kept for the time of the check. That is not
 * the cache of this machine: what counts is the vault.
 */
function keptPacks({ cache }: Repository, index: BlobIndex): (pack: PresentPack) => boolean {
  const isTree = cache === undefined ? undefined : index.treePacks();
  return ({ packNumber }) => isTree?.[packNumber] === 1;
}

interface PackChecker {
  /** Packs it can have at once. */
  readonly capacity: number;
  /** Whether it reads the packs itself. */
  readonly readsItself: boolean;
  check(job: CheckPackJob): Promise<readonly Finding[]>;
  /** For a pack that comes in pieces. */
  readonly reserve?: () => PieceLane;
  end(): Promise<void>;
}

async function checkPack(
  repository: Repository,
  index: BlobIndex,
  checker: PackChecker,
  pack: PresentPack,
  isKept: boolean,
  signal: AbortSignal | undefined,
): Promise<readonly Finding[]> {
  const name = objectName('pack', index.packId(pack.packNumber));
  if (checker.readsItself) return checker.check(pack);
  let findings: readonly Finding[] = [];
  for (let attempt = 0; attempt < 2; attempt++) {
    const storage = isKept && attempt === 0 ? repository.storage : repository.origin;
    try {
      const bytes = await storage.read(name, { signal });
      findings = await checker.check({ ...pack, bytes });
    } catch (error) {
      if (!hasCode(error, 'OBJECT_MISSING') && !hasCode(error, 'OBJECT_TRUNCATED')) throw error;
      findings = [makeFinding('pack-missing', name, messageOf(error))];
    }
    if (findings.length === 0) break;
  }
  return findings;
}

class InlineChecker implements PackChecker {
  readonly capacity = 1;
  readonly readsItself = false;
  readonly #verifier: PackVerifier;

  constructor({ codec, key }: Repository, index: BlobIndex, table: PackTable) {
    this.#verifier = new PackVerifier(codec, key, index, table.blobCounts);
  }

  async check({ packNumber, bytes }: CheckPackJob): Promise<readonly Finding[]> {
    return bytes === undefined ? [] : verifyAtOnce(this.#verifier, packNumber, bytes);
  }

  async end(): Promise<void> {}
}

interface Slot {
  readonly worker: Worker;
  /** Packs that it has. */
  load: number;
}

class WorkerChecker implements PackChecker {
  readonly capacity: number;
  readonly readsItself: boolean;
  readonly #index: BlobIndex;
  readonly #workers: Slot[];
  readonly #waiting = new Map<number, PromiseWithResolvers<FromCheckWorker>>();
  #nextId = 0;
  #failure: { readonly error: unknown } | undefined;

  constructor(repository: Repository, index: BlobIndex, table: PackTable, workers: number) {
    const { localPath } = repository.origin.features;
    const setup: CheckWorkerSetup = {
      index: index.memory,
      key: repository.key,
      blobCounts: table.blobCounts,
      localPath,
    };
    this.readsItself = localPath !== undefined;
    this.capacity = workers * DEPTH;
    this.#index = index;
    this.#workers = Array.from({ length: workers }, () => ({ worker: this.#start(setup), load: 0 }));
  }

  async check(job: CheckPackJob): Promise<readonly Finding[]> {
    const slot = this.#leastLoaded();
    slot.load++;
    try {
      const message: ToCheckWorker = { kind: 'pack', id: this.#nextId++, job };
      const result = await this.#ask(slot, message, job.bytes === undefined ? [] : [job.bytes.buffer]);
      if (result.kind === 'checked') return result.findings;
      const name = objectName('pack', this.#index.packId(job.packNumber));
      const why = result.kind === 'failed' ? result.error : 'the thread is confused';
      return [makeFinding('pack-damaged', name, `it cannot be read: ${why}`)];
    } finally {
      slot.load--;
    }
  }

  readonly reserve = (): PieceLane => {
    const slot = this.#leastLoaded();
    slot.load++;
    return {
      check: async (packNumber, piece, bytes) => {
        const message: ToCheckWorker = { kind: 'piece', id: this.#nextId++, job: { packNumber, piece, bytes } };
        const result = await this.#ask(slot, message, [bytes.buffer]);
        return result.kind === 'looked-at' && result.isGood;
      },
      [Symbol.dispose]: () => slot.load--,
    };
  };

  async end(): Promise<void> {
    this.#fail(new Error('the check was stopped'));
    await Promise.all(this.#workers.map(({ worker }) => worker.terminate()));
  }

  #start(setup: CheckWorkerSetup): Worker {
    const worker = startWorker('repository/check/worker-main', {
      workerData: setup,
      // Nearly all its memory is outside of the heap; a small young generation keeps it that way.
      resourceLimits: { maxYoungGenerationSizeMb: 4 },
    });
    worker.on('message', (result: FromCheckWorker) => this.#waiting.get(result.id)?.resolve(result));
    worker.on('error', (error) => this.#fail(error));
    worker.on('exit', (code) => this.#fail(new Error(`a thread of the check ended with code ${code}`)));
    return worker;
  }

  #leastLoaded(): Slot {
    return this.#workers.reduce((best, one) => (one.load < best.load ? one : best));
  }

  async #ask({ worker }: Slot, message: ToCheckWorker, transfer: ArrayBuffer[]): Promise<FromCheckWorker> {
    if (this.#failure !== undefined) throw this.#failure.error;
    const answer = Promise.withResolvers<FromCheckWorker>();
    this.#waiting.set(message.id, answer);
    try {
      worker.postMessage(message, transfer);
      return await answer.promise;
    } finally {
      this.#waiting.delete(message.id);
    }
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    for (const answer of this.#waiting.values()) answer.reject(error);
  }
}
