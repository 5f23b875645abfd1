import { availableParallelism } from 'node:os';
import type { Worker } from 'node:worker_threads';
import { ByteBudget } from '../../base/byte-budget.ts';
import { mapConcurrent } from '../../base/concurrency.ts';
import { hasCode, messageOf } from '../../base/errors.ts';
import { startWorker } from '../../base/start-worker.ts';
import type { BlobIndex } from '../index/blob-index.ts';
import { objectName } from '../layout.ts';
import type { Repository } from '../repository.ts';
import type { PresentPack } from './check-packs.ts';
import { type Finding, makeFinding } from './finding.ts';
import type { CheckPackJob, CheckPackResult, CheckWorkerSetup } from './messages.ts';
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
/** Packs that are fetched or wait for a worker: four of the usual size. */
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
    const { connections } = repository.origin.features;
    const limit = check.readsItself ? check.capacity : Math.max(check.capacity, connections);
    const budget = new ByteBudget(MAX_FETCHED_BYTES);
    await mapConcurrent(largestFirst, { limit, signal }, async (pack) => {
      using _held = check.readsItself ? undefined : await budget.acquire(pack.sizeBytes);
      options.onPack(pack, await checkPack(repository, index, check, pack, signal));
    });
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener('abort', onAbort);
    await check.end();
  }
}

interface PackChecker {
  /** Packs it can have at once. */
  readonly capacity: number;
  /** Whether it reads the packs itself. */
  readonly readsItself: boolean;
  check(job: CheckPackJob): Promise<readonly Finding[]>;
  end(): Promise<void>;
}

async function checkPack(
  repository: Repository,
  index: BlobIndex,
  checker: PackChecker,
  pack: PresentPack,
  signal: AbortSignal | undefined,
): Promise<readonly Finding[]> {
  const name = objectName('pack', index.packId(pack.packNumber));
  if (checker.readsItself) return checker.check(pack);
  let findings: readonly Finding[] = [];
  // Trees may come from the cache; what counts is the vault, so it is read past the cache.
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      const bytes = await repository.origin.read(name, { signal });
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

class WorkerChecker implements PackChecker {
  readonly capacity: number;
  readonly readsItself: boolean;
  readonly #index: BlobIndex;
  readonly #workers: { readonly worker: Worker; load: number }[];
  readonly #waiting = new Map<number, PromiseWithResolvers<readonly Finding[]>>();
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
    if (this.#failure !== undefined) throw this.#failure.error;
    const slot = this.#workers.reduce((best, one) => (one.load < best.load ? one : best));
    const answer = Promise.withResolvers<readonly Finding[]>();
    this.#waiting.set(job.packNumber, answer);
    slot.load++;
    try {
      slot.worker.postMessage(job, job.bytes === undefined ? [] : [job.bytes.buffer]);
      return await answer.promise;
    } finally {
      slot.load--;
      this.#waiting.delete(job.packNumber);
    }
  }

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
    worker.on('message', (result: CheckPackResult) => this.#settle(result));
    worker.on('error', (error) => this.#fail(error));
    worker.on('exit', (code) => this.#fail(new Error(`a thread of the check ended with code ${code}`)));
    return worker;
  }

  #settle(result: CheckPackResult): void {
    const answer = this.#waiting.get(result.packNumber);
    if (result.kind === 'checked') answer?.resolve(result.findings);
    else {
      const name = objectName('pack', this.#index.packId(result.packNumber));
      answer?.resolve([makeFinding('pack-damaged', name, `it cannot be read: ${result.error}`)]);
    }
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    for (const answer of this.#waiting.values()) answer.reject(error);
  }
}
