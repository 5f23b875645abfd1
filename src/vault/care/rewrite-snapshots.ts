// What `rewrite` and `repair snapshots` share: trees are gone through under rules, and where that makes another root, a
// new snapshot is stored. Planned first, by the same walk without storing.
import { CairnError, isCairnError, messageOf } from '../../base/errors.ts';
import type { ErrorCode } from '../../base/error-codes.ts';
import { type BlobId, shortId, type SnapshotId } from '../../base/ids.ts';
import type { SnapshotEdits } from '../../formats/snapshot/edit-snapshot.ts';
import { withPartialTag } from '../../formats/snapshot/partial-tag.ts';
import { BlobStore } from '../../repository/blob-store.ts';
import type { BlobIndex } from '../../repository/index/blob-index.ts';
import { resaveSnapshot } from '../../repository/resave-snapshot.ts';
import { type RewrittenTree, TreeRewriter, type TreeRules } from '../../repository/rewrite/tree-rewriter.ts';
import { loadSnapshot, type SnapshotRecord } from '../../repository/snapshots.ts';
import type { ActionContext } from '../actions/backup-action.ts';
import { snapshotEntry } from '../catalog/catalog-entry.ts';
import { type SnapshotBackup, backupRecord } from '../reference/backup-record.ts';
import type { VaultSession } from '../vault-session.ts';
import type { CareOptions } from './care-options.ts';

/** What is done to one backup. */
export type SnapshotChange =
  | {
      readonly outcome: 'rewritten';
      readonly backup: SnapshotBackup;
      /** Root tree of the new version. */
      readonly tree: BlobId;
      /** Its id; `null` while it is only planned. */
      readonly id: SnapshotId | null;
      /** What was left out or repaired. */
      readonly entries: readonly ChangedEntry[];
    }
  /** Its root cannot be read, so there is nothing to make a version of. It stays: removing it is for `delete`. */
  | { readonly outcome: 'lost'; readonly backup: SnapshotBackup; readonly entries: readonly ChangedEntry[] }
  /** It stays as it is, for this reason. */
  | {
      readonly outcome: 'refused';
      readonly backup: SnapshotBackup;
      readonly code: ErrorCode;
      readonly message: string;
    };

export interface ChangedEntry {
  readonly path: string;
  readonly message: string;
}

/** `isLost`: something is gone that should be there, so that the new version is not whole. */
export type OnChangedEntry = (entry: ChangedEntry, isLost: boolean) => void;

export interface RewriteResult {
  readonly changes: readonly SnapshotChange[];
  readonly unchanged: number;
}

export interface RewriteTask extends CareOptions<RewriteResult> {
  readonly session: VaultSession;
  readonly index: BlobIndex;
  readonly known: readonly SnapshotRecord[];
  readonly chosen: readonly SnapshotRecord[];
  readonly phase: string;
  readonly rules: (onEntry: OnChangedEntry) => TreeRules;
  /** What changes in the document beside the tree; `undefined` for nothing. */
  readonly editsOf: (record: SnapshotRecord) => SnapshotEdits | undefined;
  /** Whether new totals go into the summary. */
  readonly countsAgain: boolean;
  /** Marks new versions that stay beside the old ones. */
  readonly tag: string;
  /** The old version goes. */
  readonly forget: boolean;
}

export async function rewriteSnapshots(context: ActionContext, task: RewriteTask): Promise<RewriteResult> {
  const plan = await walkAll(context, task, undefined);
  const unchanged = task.chosen.length - plan.length;
  const changes = plan.map(({ change }) => change);
  const ids = new Set(changes.filter(({ outcome }) => outcome === 'rewritten').map(({ backup }) => backup.id));
  if (task.dryRun === true || ids.size === 0) return { changes, unchanged };
  await task.onPlan?.({ changes, unchanged });
  await task.session.assertHeld();
  const store = new BlobStore(context.repository, task.index, task.session);
  const walked = await walkAll(context, { ...task, chosen: task.chosen.filter(({ id }) => ids.has(id)) }, store);
  for (const { change } of walked) assertAsPlanned(changes, change);
  // Packs and index first: a snapshot refers only to what is durable.
  await store.flush();
  const done: SnapshotChange[] = [];
  for (const one of walked) done.push(await applyChange(context, task, one));
  return { changes: [...done, ...changes.filter(({ outcome }) => outcome !== 'rewritten')], unchanged };
}

/** What could be read when it was planned, and not when it was done, must not be left out as lost. */
function assertAsPlanned(planned: readonly SnapshotChange[], { backup, ...change }: SnapshotChange): void {
  const before = planned.find((one) => one.backup.id === backup.id);
  if (before?.outcome !== 'rewritten' || change.outcome !== 'rewritten' || before.tree === change.tree) return;
  throw new CairnError('STORAGE_IO', `backup ${shortId(backup.id)} was not read the same way twice`, {
    hint: 'No backup was changed. The storage or the line to it is not reliable; run it again, best on another machine.',
    retry: 'later',
    facts: { backup: backup.id },
  });
}

interface WalkedSnapshot {
  readonly record: SnapshotRecord;
  readonly change: SnapshotChange;
  /** What the new tree holds. */
  readonly totals?: RewrittenTree;
  readonly isWhole: boolean;
}

/** Those that change; without a store nothing is written. */
async function walkAll(
  context: ActionContext,
  task: RewriteTask,
  store: BlobStore | undefined,
): Promise<WalkedSnapshot[]> {
  let entries: ChangedEntry[] = [];
  const { signal } = task.session;
  const phase = store === undefined ? 'plan' : task.phase;
  const onTree = (completed: number): void =>
    context.report({ phase, completed, total: undefined, unit: 'steps', description: '', errors: 0 });
  let isWhole = true;
  const rules = task.rules((entry, isLost) => {
    entries.push(entry);
    if (isLost) isWhole = false;
  });
  const rewriter = new TreeRewriter(context.repository, task.index, store, rules, { signal, onTree });
  const walked: WalkedSnapshot[] = [];
  for (const record of task.chosen) {
    signal.throwIfAborted();
    entries = [];
    isWhole = true;
    const one = await walkOne(rewriter, task, record, () => entries);
    if (one !== undefined) walked.push({ ...one, isWhole });
  }
  return walked;
}

async function walkOne(
  rewriter: TreeRewriter,
  task: RewriteTask,
  record: SnapshotRecord,
  entries: () => readonly ChangedEntry[],
): Promise<Omit<WalkedSnapshot, 'isWhole'> | undefined> {
  const backup = backupRecord(record);
  try {
    const totals = await rewriter.rewrite(record.snapshot.tree);
    if (totals === undefined) return { record, change: { outcome: 'lost', backup, entries: entries() } };
    const isSame = totals.id === record.snapshot.tree && task.editsOf(record) === undefined;
    if (isSame && totals.isMended !== true) return undefined;
    return { record, totals, change: { outcome: 'rewritten', backup, tree: totals.id, id: null, entries: entries() } };
  } catch (error) {
    task.session.signal.throwIfAborted();
    if (!isCairnError(error) || error.code.startsWith('STORAGE_')) throw error;
    return { record, change: { outcome: 'refused', backup, code: error.code, message: messageOf(error) } };
  }
}

async function applyChange(
  context: ActionContext,
  task: RewriteTask,
  { record, change, totals, isWhole }: WalkedSnapshot,
): Promise<SnapshotChange> {
  const { repository } = context;
  const { signal } = task.session;
  if (change.outcome !== 'rewritten') return change;
  // What was stored is needed by no backup yet: without the lock, a prune may have removed it again.
  await task.session.assertHeld();
  const newEdits = task.editsOf(record);
  // Whole again by what was stored: it is its own new version.
  if (change.tree === record.snapshot.tree && newEdits === undefined) return { ...change, id: record.id };
  const { tags: old } = record.snapshot;
  const told = task.forget || old.includes(task.tag) ? old : [...old, task.tag];
  const tags = isWhole ? told : withPartialTag(told);
  const edits: SnapshotEdits = {
    tree: change.tree,
    ...(tags.length === old.length ? {} : { tags: [...tags] }),
    ...(task.countsAgain && totals !== undefined && totals.id !== record.snapshot.tree ? { totals } : {}),
    ...newEdits,
  };
  const id = await resaveSnapshot(repository, record, edits, { keepOld: !task.forget, known: task.known, signal });
  await recordVersion(context, id, task.forget ? record.id : undefined, signal);
  return { ...change, id };
}

/** Read again: what the edits made of the document, only the document tells. */
async function recordVersion(
  { repository, settings: { catalog } }: ActionContext,
  id: SnapshotId,
  replaced: SnapshotId | undefined,
  signal: AbortSignal,
): Promise<void> {
  if (catalog === undefined) return;
  if (replaced !== undefined) catalog.recordDeleted('snapshot', [replaced]);
  try {
    catalog.recordBackup(snapshotEntry(await loadSnapshot(repository, id, { signal })));
  } catch {
    // It is stored, and what became of it is not for the catalog to say; the next sync reads it.
  }
}
