// How a run ended, for its row in the catalog.
import type { ErrorCode } from '../../base/error-codes.ts';
import { isCairnError } from '../../base/errors.ts';
import type { RunStatus } from '../../catalog/run-rows.ts';
import type { ExportResult } from '../archives/export-archive.ts';
import type { ImportResult } from '../archives/import-archive.ts';
import type { IndexRepairResult } from '../../repository/repair/repair-index.ts';
import type { PackRepairResult } from '../../repository/repair/repair-packs.ts';
import type { MigrateResult } from '../care/migrate-vault.ts';
import type { ForgetResult } from '../care/apply-forget.ts';
import type { RecoverResult } from '../care/recover-backups.ts';
import type { RetentionResult } from '../care/rotate-backups.ts';
import type { RewriteResult } from '../care/rewrite-snapshots.ts';
import type { ActionName, ActionResults } from '../vault-events.ts';

export interface RunOutcome {
  readonly status: RunStatus;
  readonly errorCode: string | null;
  readonly counts: Readonly<Record<string, number>>;
}

/** Results of actions that have a row in the catalog but no events. */
export interface CareResults {
  readonly rewrite: RewriteResult;
  readonly repairIndex: IndexRepairResult;
  readonly repairPacks: PackRepairResult;
  readonly repairSnapshots: RewriteResult;
  readonly recover: RecoverResult;
  readonly migrate: MigrateResult;
  readonly export: ExportResult;
  readonly import: ImportResult;
}

export type CareAction = keyof CareResults;

type Counts = Readonly<Record<string, number>>;
type Ended = { readonly counts: Counts; readonly isPartial?: boolean };

/** The numbers of each result that the catalog keeps; an action that is not here has none. */
const actions: { readonly [A in ActionName]?: (result: ActionResults[A]) => Ended } = {
  backup: ({ status, counts, problems }) => ({
    counts: {
      files: counts.totalFiles,
      bytes: counts.totalBytes,
      addedBytes: counts.addedBytes,
      storedBytes: counts.addedStoredBytes,
      problems: problems.length,
    },
    isPartial: status === 'partial',
  }),
  restore: ({ status, filesRestored, filesSkipped, filesDeleted, bytesRestored, problemCount }) => ({
    counts: { filesRestored, filesSkipped, filesDeleted, bytesRestored, problems: problemCount },
    isPartial: status === 'partial',
  }),
  archive: ({ status, fileCount, bytes, storedBytes, problems }) => ({
    counts: { files: fileCount, bytes: bytes ?? 0, storedBytes: storedBytes ?? 0, problems: problems.length },
    isPartial: status === 'partial',
  }),
  forget: removal,
  delete: removal,
  rotate: retention,
  deleteOlderThan: retention,
  prune: ({ status, removedPacks, freedBytes, failedPacks, damagedPacks }) => ({
    counts: { removedPacks, freedBytes, failedPacks, damagedPacks: damagedPacks.length },
    isPartial: status === 'partial',
  }),
  guard: ({ released }) => ({ counts: { released: released ? 1 : 0 } }),
  tag: ({ changed, unchanged }) => ({ counts: { changed: changed.length, unchanged } }),
  copy: ({ copies, bytes, storedBytes }) => {
    const failed = copies.filter(({ outcome }) => outcome === 'failed').length;
    const copied = copies.filter(({ outcome }) => outcome === 'copied').length;
    return {
      counts: { copied, failed, present: copies.length - copied - failed, bytes, storedBytes },
      isPartial: failed > 0,
    };
  },
  check: ({ isGood, findings, snapshots, archives, packs }) => ({
    counts: { findings: findings.length, snapshots, archives, packs },
    isPartial: !isGood,
  }),
};

const care: { readonly [A in CareAction]?: (result: CareResults[A]) => Ended } = {
  rewrite,
  repairSnapshots: rewrite,
  repairIndex: ({ packsListed, unreadablePacks, indexFilesWritten, indexFilesRemoved }) => ({
    counts: { packsListed, unreadablePacks: unreadablePacks.length, indexFilesWritten, indexFilesRemoved },
    isPartial: unreadablePacks.length > 0,
  }),
  repairPacks: ({ removedPacks }) => ({ counts: { removedPacks: removedPacks.length } }),
  recover: ({ roots }) => ({ counts: { roots: roots.length } }),
  import: (imported) => {
    if (imported.form === 'snapshot') return actions.backup?.(imported) ?? { counts: {} };
    const { fileCount, bytes, storedBytes } = imported;
    return { counts: { files: fileCount, bytes: bytes ?? 0, storedBytes: storedBytes ?? 0 } };
  },
};

export function actionOutcome<A extends ActionName>(action: A, result: ActionResults[A]): RunOutcome {
  return outcomeOf(actions[action]?.(result));
}

export function careOutcome<A extends CareAction>(action: A, result: CareResults[A]): RunOutcome {
  return outcomeOf(care[action]?.(result));
}

export function outcomeOfError(error: unknown, signal: AbortSignal): RunOutcome {
  const code: ErrorCode = isCairnError(error) ? error.code : 'INTERNAL';
  const isAborted = signal.aborted && (code === 'ABORTED' || error === signal.reason);
  return { status: isAborted ? 'aborted' : 'failed', errorCode: isAborted ? 'ABORTED' : code, counts: {} };
}

function outcomeOf({ counts, isPartial = false }: Ended = { counts: {} }): RunOutcome {
  return { status: isPartial ? 'partial' : 'ok', errorCode: null, counts };
}

function removal({ removed, failed }: ForgetResult): Ended {
  return { counts: { removed: removed.length, failed: failed.length }, isPartial: failed.length > 0 };
}

function retention({ removed, failed, kept }: RetentionResult): Ended {
  return {
    counts: { removed: removed.length, failed: failed.length, kept: kept.length },
    isPartial: failed.length > 0,
  };
}

function rewrite({ changes, unchanged }: RewriteResult): Ended {
  const count = (outcome: string): number => changes.filter((change) => change.outcome === outcome).length;
  const [rewritten, lost, refused] = [count('rewritten'), count('lost'), count('refused')];
  return { counts: { rewritten, lost, refused, unchanged }, isPartial: lost + refused > 0 };
}
