import type { PackId } from '../../base/ids.ts';
import type { BlobIndex } from '../index/blob-index.ts';
import type { Repository } from '../repository.ts';
import { readAfresh } from '../repository-cache.ts';
import { type CheckLists, checkLocks, readCheckLists, type ReadListsOptions } from './check-lists.ts';
import type { PresentPack } from './check-packs.ts';
import { checkTrees } from './check-trees.ts';
import type { Finding, FindingList } from './finding.ts';
import { checkPackData } from './pack-check.ts';
import type { PackTable } from './pack-table.ts';
import { choosePacks, type ReadData } from './read-data.ts';

export interface CheckProgress {
  readonly phase: 'index' | 'structure' | 'data';
  readonly completed: number;
  /** `undefined` while it is not known, such as the number of trees. */
  readonly total: number | undefined;
  readonly unit: 'files' | 'trees' | 'packs';
  /** Bytes of packs read, of those to read. */
  readonly bytes: number;
  readonly totalBytes: number;
  readonly errors: number;
}

export interface CheckOptions {
  /** Which packs to read completely; `none` by default. */
  readonly readData?: ReadData | undefined;
  readonly jobs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: CheckProgress) => void) | undefined;
  readonly onFinding?: ((finding: Finding) => void) | undefined;
  /** Packs that an earlier check has read and found good: they are left out, and good ones of this one are added. */
  readonly verified?: VerifiedPacks | undefined;
  /** The caller holds a lock, which it could not without having read all others: no lock is read again. */
  readonly holdsLock?: boolean | undefined;
  /** In [0, 1); picks the packs of a sample. */
  readonly random?: (() => number) | undefined;
}

/** What a check of the data remembers, so that another one can go on. */
export interface VerifiedPacks {
  has(id: PackId): boolean;
  add(id: PackId): void;
  /** Every pack was read: the next check begins anew. */
  startOver(): void;
}

export interface CheckResult {
  /** No error was found; there may be hints. */
  readonly isGood: boolean;
  readonly findings: readonly Finding[];
  /** Findings beyond the 10,000 that are listed. */
  readonly omittedFindings: number;
  readonly snapshots: number;
  readonly trees: number;
  readonly blobs: number;
  readonly packs: number;
  readonly packsRead: number;
  readonly bytesRead: number;
  /** Packs that an earlier check had read, where this one went on from it. */
  readonly packsReadBefore: number;
}

/**
 * Checks everything a restore depends on: that every file is what its name says, that index and packs agree, that
 * every blob a snapshot needs is there; with `readData`, that every byte of the packs is good. Damage is listed
 * in the result, not thrown; what is thrown is that the storage cannot be read. The caller holds a lock.
 */
export async function checkRepository(opened: Repository, options: CheckOptions = {}): Promise<CheckResult> {
  await using fresh = await readAfresh(opened);
  const lists = await readCheckLists(fresh.repository, listOptions(options));
  return await checkLists(fresh.repository, lists, options);
}

/** How lists are read for a check that is told of its progress. */
export function listOptions({ signal, onProgress }: Pick<CheckOptions, 'signal' | 'onProgress'>): ReadListsOptions {
  const none = { bytes: 0, totalBytes: 0, errors: 0 };
  return {
    signal,
    onIndexFile: ({ files, totalFiles }) =>
      onProgress?.({ phase: 'index', completed: files, total: totalFiles, unit: 'files', ...none }),
  };
}

/** The rest of a check, of a repository that is read afresh. */
export async function checkLists(
  repository: Repository,
  { snapshots, index, table, present, findings }: CheckLists,
  options: CheckOptions,
): Promise<CheckResult> {
  const { signal, onProgress, verified } = options;
  findings.tellTo(options.onFinding);
  if (options.holdsLock !== true) await checkLocks(repository, findings, signal);
  const report = (progress: Omit<CheckProgress, 'errors'>): void => {
    onProgress?.({ ...progress, errors: findings.findings.length });
  };
  const idOf = ({ packNumber }: PresentPack): PackId => index.packId(packNumber);
  const countVerified = (): number => (verified ? present.filter((pack) => verified.has(idOf(pack))).length : 0);
  if (present.length > 0 && countVerified() === present.length) verified?.startOver();
  const packsReadBefore = countVerified();
  const chosen = choosePacks(options.readData ?? 'none', {
    packs: present,
    idOf,
    isVerified: (id) => verified?.has(id) ?? false,
    random: options.random ?? Math.random,
  });
  // Main thread and workers at once: trees here, packs there.
  const stop = new AbortController();
  const both = signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]);
  const onTree = (trees: number): void =>
    report({ phase: 'structure', completed: trees, total: undefined, unit: 'trees', bytes: 0, totalBytes: 0 });
  const [trees, read] = await joined(stop, [
    checkTrees(repository, index, snapshots, findings, { table, signal: both, onTree }),
    readPacks({ repository, index, table, chosen, findings, report, verified, signal: both, jobs: options.jobs }),
  ]);
  return {
    isGood: !findings.hasErrors,
    findings: findings.findings,
    omittedFindings: findings.omitted,
    snapshots: snapshots.length,
    trees,
    blobs: index.size,
    packs: index.packCount,
    ...read,
    packsReadBefore,
  };
}

interface ReadPacksTask {
  readonly repository: Repository;
  readonly index: BlobIndex;
  readonly table: PackTable;
  readonly chosen: readonly PresentPack[];
  readonly findings: FindingList;
  readonly report: (progress: Omit<CheckProgress, 'errors'>) => void;
  readonly verified: VerifiedPacks | undefined;
  readonly signal: AbortSignal;
  readonly jobs: number | undefined;
}

async function readPacks(task: ReadPacksTask): Promise<{ packsRead: number; bytesRead: number }> {
  const { repository, index, table, chosen, findings, report, verified, signal, jobs } = task;
  let packsRead = 0;
  let bytesRead = 0;
  if (chosen.length === 0) return { packsRead, bytesRead };
  const total = chosen.length;
  const totalBytes = chosen.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  await checkPackData(repository, index, table, chosen, {
    signal,
    jobs,
    onPack: ({ packNumber, sizeBytes }, found) => {
      findings.addAll(found);
      if (found.length === 0) verified?.add(index.packId(packNumber));
      packsRead++;
      bytesRead += sizeBytes;
      report({ phase: 'data', completed: packsRead, total, unit: 'packs', bytes: bytesRead, totalBytes });
    },
  });
  return { packsRead, bytesRead };
}

/** Awaits both; when one fails the other is stopped, and the first failure is thrown. */
async function joined<A, B>(stop: AbortController, [first, second]: [Promise<A>, Promise<B>]): Promise<[A, B]> {
  const onFailure = (error: unknown): never => {
    stop.abort(error);
    throw error;
  };
  const [a, b] = await Promise.allSettled([first.catch(onFailure), second.catch(onFailure)]);
  if (a.status === 'fulfilled' && b.status === 'fulfilled') return [a.value, b.value];
  throw stop.signal.reason;
}
