import { CairnError, messageOf } from '../../base/errors.ts';
import type { SnapshotId } from '../../base/ids.ts';
import { removeSnapshots } from '../../repository/remove-snapshots.ts';
import type { Repository } from '../../repository/repository.ts';
import type { ActionContext } from '../actions/backup-action.ts';
import type { ArchiveBackup, SnapshotBackup } from '../reference/backup-record.ts';
import { archiveShelf } from './archive-shelf.ts';
import { openRemovingSession } from './exclusive-session.ts';
import type { ForgetPlan } from './plan-forget.ts';

export interface ForgetResult {
  /** Ids of snapshots, stored names of archives. */
  readonly removed: readonly string[];
  /** Those that could not be removed. */
  readonly failed: readonly { readonly id: string; readonly message: string }[];
}

/**
 * Removes what the plan says: snapshots under the exclusive lock, archives without, since nothing else depends on them. Throws
 * `PLAN_OUTDATED`, and removes nothing, where a backup that the plan keeps is gone: another one may then have to stay for it.
 */
export async function applyForget(context: ActionContext, plan: ForgetPlan): Promise<ForgetResult> {
  const wanted = plan.groups.flatMap(({ forget }) => forget);
  if (wanted.length === 0) return { removed: [], failed: [] };
  const snapshots = wanted.filter((backup) => backup.form === 'snapshot');
  const archives = wanted.filter((backup) => backup.form === 'archive');
  const progress = (completed: number): void =>
    context.report({ phase: 'forget', completed, total: wanted.length, unit: 'steps', description: '', errors: 0 });
  progress(0);
  const keepsSnapshots = plan.groups.some(({ keep }) => keep.some(({ backup }) => backup.form === 'snapshot'));
  const first =
    snapshots.length > 0 || keepsSnapshots ? await removeAllSnapshots(context, plan, snapshots, progress) : nothing;
  const second = await removeArchives(context, archives, (count) => progress(first.removed.length + count));
  return { removed: [...first.removed, ...second.removed], failed: [...first.failed, ...second.failed] };
}

const nothing: ForgetResult = { removed: [], failed: [] };

async function removeAllSnapshots(
  context: ActionContext,
  plan: ForgetPlan,
  snapshots: readonly SnapshotBackup[],
  progress: (count: number) => void,
): Promise<ForgetResult> {
  const { repository } = context;
  await using session = await openRemovingSession(context);
  const present = await listIds(repository, session.signal);
  refuseIfOutdated(plan, present);
  const ids = snapshots.map(({ id }) => id).filter((id) => present.has(id));
  await session.assertHeld();
  const { removed, failed } = await removeSnapshots(repository, ids, { signal: session.signal, onRemoved: progress });
  return { removed, failed: failed.map(({ id, error }) => ({ id, message: messageOf(error) })) };
}

async function removeArchives(
  context: ActionContext,
  archives: readonly ArchiveBackup[],
  progress: (count: number) => void,
): Promise<ForgetResult> {
  if (archives.length === 0) return nothing;
  const { removed, failed } = await archiveShelf(context).remove(archives, progress);
  return { removed, failed: failed.map(({ id, error }) => ({ id, message: messageOf(error) })) };
}

async function listIds(repository: Repository, signal: AbortSignal): Promise<ReadonlySet<string>> {
  const ids = new Set<SnapshotId>();
  for await (const { id } of repository.listIds('snapshot', { signal })) ids.add(id);
  return ids;
}

function refuseIfOutdated({ groups }: ForgetPlan, present: ReadonlySet<string>): void {
  const kept = groups.filter(({ forget }) => forget.length > 0).flatMap(({ keep }) => keep);
  const gone = kept.filter(({ backup: { form, id } }) => form === 'snapshot' && !present.has(id));
  if (gone.length === 0) return;
  throw new CairnError(
    'PLAN_OUTDATED',
    `backups changed since this was planned: ${gone.length} that should stay are gone`,
    {
      hint: 'Nothing was removed. Run the command again.',
      retry: 'later',
      facts: { backups: gone.map(({ backup }) => backup.id) },
    },
  );
}
