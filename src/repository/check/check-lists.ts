// What a check reads before anything else: keys, snapshots, index, and which packs there are.
import { mapConcurrent } from '../../base/concurrency.ts';
import { hasCode, messageOf } from '../../base/errors.ts';
import type { BlobIndex } from '../index/blob-index.ts';
import { loadIndex } from '../index/load-index.ts';
import { objectName } from '../layout.ts';
import { listLocks } from '../lock/lock-list.ts';
import { listKeyIds, loadKeyFile } from '../open-key.ts';
import { readInOrder } from '../read-in-order.ts';
import type { Repository } from '../repository.ts';
import { listSnapshots, type SnapshotRecord } from '../snapshots.ts';
import { checkConflicts, checkPackList, type PresentPack } from './check-packs.ts';
import { FindingList } from './finding.ts';
import { PackTable } from './pack-table.ts';

export interface CheckLists {
  readonly snapshots: readonly SnapshotRecord[];
  readonly index: BlobIndex;
  readonly table: PackTable;
  readonly present: readonly PresentPack[];
  /** What is wrong so far; nobody was told yet. */
  readonly findings: FindingList;
}

export interface ReadListsOptions {
  readonly signal?: AbortSignal | undefined;
  /** The repository was opened for this check: what its opening read of the keys a few seconds ago is not read again. */
  readonly trustsOpening?: boolean | undefined;
  readonly onIndexFile?: ((done: { readonly files: number; readonly totalFiles: number }) => void) | undefined;
}

/** Damage is in the findings; what is thrown is that the storage cannot be read. */
export async function readCheckLists(
  repository: Repository,
  { signal, trustsOpening = false, onIndexFile }: ReadListsOptions = {},
): Promise<CheckLists> {
  const findings = new FindingList();
  const [keys, read] = await Promise.allSettled([
    checkKeys(repository, findings, trustsOpening, signal),
    readInOrder(
      repository,
      {
        snapshots: (listed) =>
          listSnapshots(repository, {
            ...listed,
            onWarning: (error) => findings.add('snapshot-damaged', objectOf(error), error.message),
          }),
        index: (listed) =>
          loadIndex(repository, {
            ...listed,
            onWarning: (message) => findings.add('index-repeated', 'index/', message),
            onDamaged: (error) => findings.add('index-damaged', objectOf(error), error.message),
            onProgress: onIndexFile,
          }),
      },
      signal,
    ),
  ]);
  if (read.status === 'rejected') throw read.reason;
  if (keys.status === 'rejected') throw keys.reason;
  const { snapshots, index, packs } = read.value;
  checkConflicts(index, findings);
  const table = new PackTable(index);
  const present = await checkPackList(packs, index, table, findings);
  return { snapshots, index, table, present, findings };
}

/** What was opened longer ago was opened for something else. */
const JUST_OPENED_MS = 10_000;

/** A damaged key may be the one that somebody's password needs. */
async function checkKeys(
  repository: Repository,
  findings: FindingList,
  trustsOpening: boolean,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { openedFrom } = repository;
  const isRecent = trustsOpening && openedFrom !== undefined && performance.now() - openedFrom.atMs < JUST_OPENED_MS;
  const ids = isRecent
    ? openedFrom.keyIds.filter((id) => id !== repository.keyId)
    : await listKeyIds(repository, signal);
  await mapConcurrent(ids, { limit: 4, signal }, async (id) => {
    try {
      await loadKeyFile(repository, id, signal);
    } catch (error) {
      if (!hasCode(error, 'KEY_CORRUPT')) throw error;
      findings.add('key-damaged', objectName('key', id), messageOf(error));
    }
  });
}

/** For whoever holds no lock: taking one reads all others, and ends where one cannot be read. */
export async function checkLocks(
  repository: Repository,
  findings: FindingList,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { unreadable } = await listLocks(repository, { signal });
  for (const { id, error } of unreadable) findings.add('lock-damaged', objectName('lock', id), messageOf(error));
}

function objectOf(error: { readonly facts: Readonly<Record<string, unknown>> }): string {
  return typeof error.facts['object'] === 'string' ? error.facts['object'] : 'repository';
}
