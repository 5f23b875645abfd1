import { CairnError, messageOf } from '../../base/errors.ts';
import type { SnapshotId } from '../../base/ids.ts';
import { removeSnapshots } from '../../repository/remove-snapshots.ts';
import type { Repository } from '../../repository/repository.ts';
import type { ActionContext } from '../actions/backup-action.ts';
import { openRemovingSession } from './exclusive-session.ts';
import type { ForgetPlan } from './plan-forget.ts';

export interface ForgetResult {
  readonly removed: readonly SnapshotId[];
  /** Those that could not be removed. */
  readonly failed: readonly { readonly id: SnapshotId; readonly message: string }[];
}

/**
 * Removes what the plan says, under the exclusive lock. Throws `PLAN_OUTDATED`, and removes nothing, where a backup
 * that the plan keeps is gone: another one may then have to stay for it.
 */
export async function applyForget(context: ActionContext, plan: ForgetPlan): Promise<ForgetResult> {
  const { repository, report } = context;
  const wanted = plan.groups.flatMap(({ forget }) => forget.map(({ id }) => id));
  if (wanted.length === 0) return { removed: [], failed: [] };
  await using session = await openRemovingSession(context);
  const present = await listIds(repository, session.signal);
  refuseIfOutdated(plan, present);
  const ids = wanted.filter((id) => present.has(id));
  const progress = (completed: number): void =>
    report({ phase: 'forget', completed, total: ids.length, unit: 'steps', description: '', errors: 0 });
  progress(0);
  await session.assertHeld();
  const { removed, failed } = await removeSnapshots(repository, ids, { signal: session.signal, onRemoved: progress });
  return { removed, failed: failed.map(({ id, error }) => ({ id, message: messageOf(error) })) };
}

async function listIds(repository: Repository, signal: AbortSignal): Promise<ReadonlySet<SnapshotId>> {
  const ids = new Set<SnapshotId>();
  for await (const { id } of repository.listIds('snapshot', { signal })) ids.add(id);
  return ids;
}

function refuseIfOutdated({ groups }: ForgetPlan, present: ReadonlySet<SnapshotId>): void {
  const kept = groups.filter(({ forget }) => forget.length > 0).flatMap(({ keep }) => keep);
  const gone = kept.filter(({ backup }) => !present.has(backup.id)).map(({ backup }) => backup.id);
  if (gone.length === 0) return;
  throw new CairnError(
    'PLAN_OUTDATED',
    `backups changed since this was planned: ${gone.length} that should stay are gone`,
    {
      hint: 'Nothing was removed. Run the command again.',
      retry: 'later',
      facts: { backups: gone },
    },
  );
}
