import { repairRules } from '../../repository/repair/repair-tree-rules.ts';
import { printPath } from '../../repository/walk/find-node.ts';
import type { ActionContext } from '../actions/backup-action.ts';
import { type BackupSelection, selectSnapshots } from '../reference/select-snapshots.ts';
import { loadWholeVault } from '../vault-session.ts';
import type { CareOptions } from './care-options.ts';
import { openExclusiveSession, openRemovingSession } from './exclusive-session.ts';
import { type RewriteResult, rewriteSnapshots } from './rewrite-snapshots.ts';

export interface RepairSnapshotsOptions extends BackupSelection, CareOptions<RewriteResult> {
  /** The damaged versions go; otherwise they stay, and the new ones have the tag `repaired`. What lacks something has `partial`. */
  readonly forget?: boolean | undefined;
}

/** Makes versions of damaged backups without what is missing, so that the rest restores without errors. */
export async function repairSnapshots(context: ActionContext, options: RepairSnapshotsOptions): Promise<RewriteResult> {
  const { repository, settings } = context;
  const removes = options.forget === true && options.dryRun !== true;
  await using session = await (removes ? openRemovingSession(context) : openExclusiveSession(context, options));
  const { snapshots, index } = await loadWholeVault(repository, settings, session.signal);
  return await rewriteSnapshots(context, {
    session,
    index,
    known: snapshots,
    chosen: selectSnapshots(snapshots, options),
    phase: 'repair',
    rules: (onEntry) =>
      repairRules(index, ({ path, kind, message }) => {
        // A size is corrected to that of the content, which is all there.
        onEntry({ path: printPath(path.parts()), message }, kind !== 'size-wrong');
      }),
    editsOf: () => undefined,
    countsAgain: false,
    tag: 'repaired',
    forget: options.forget ?? false,
    dryRun: options.dryRun,
    onPlan: options.onPlan,
  });
}
