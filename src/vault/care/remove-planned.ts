import { CairnError, messageOf } from '../../base/errors.ts';
import type { ActionContext } from '../actions/backup-action.ts';
import type { BackupRecord } from '../reference/backup-record.ts';
import {
  type BackupForm,
  type BackupShelf,
  type ShelfContext,
  type ShelfRemoval,
  settledForms,
  shelfOf,
} from './backup-shelf.ts';
import { openRemovingSession } from './exclusive-session.ts';
import type { ForgetGroup, ForgetPlan } from './plan-forget.ts';

export interface RemovedBackups {
  readonly removed: readonly BackupRecord[];
  /** Those that could not be removed. */
  readonly failed: readonly { readonly backup: BackupRecord; readonly message: string }[];
}

/**
 * Removes what a plan forgets, under the exclusive lock, by the ids of the records. Throws `PLAN_OUTDATED`, and removes
 * nothing, where a backup that the plan keeps is gone: another one may then have to stay for it.
 */
export async function removePlanned(
  context: ActionContext,
  plan: ForgetPlan,
  phase = 'forget',
): Promise<RemovedBackups> {
  const wanted = plan.groups.flatMap(({ forget }) => forget);
  if (wanted.length === 0) {
    await settleOthers(context, new Set());
    return { removed: [], failed: [] };
  }
  // Other backups need what snapshots share. Archives share nothing, but that one of them stays is why the others may go: two plans
  // at once could each remove what the other one keeps.
  await using session = plan.groups.some(needsLock) ? await openRemovingSession(context) : undefined;
  const signal = session?.signal ?? context.signal;
  const shelves = await openShelves(plan, { ...context, signal });
  refuseIfOutdated(plan, shelves);
  const present = wanted.filter(({ form, id }) => shelves.get(form)?.ids.has(id) === true);
  const progress = (completed: number): void =>
    context.report({ phase, completed, total: present.length, unit: 'steps', description: '', errors: 0 });
  progress(0);
  await session?.assertHeld();
  const removed: BackupRecord[] = [];
  const failed: RemovedBackups['failed'][number][] = [];
  for (const [form, { shelf }] of shelves) {
    const byId = new Map(present.filter((backup) => backup.form === form).map((backup) => [String(backup.id), backup]));
    if (byId.size === 0) continue;
    const before = removed.length;
    let gone: readonly string[] = [];
    try {
      const outcome = await shelf.remove([...byId.values()], (ids) => {
        gone = ids;
        progress(before + ids.length);
      });
      removed.push(...outcome.removed.flatMap((id) => byId.get(id) ?? []));
      failed.push(...outcome.failed.flatMap((failure) => failedOf(failure, byId)));
    } finally {
      // Recorded also when the run is stopped half way: the catalog must not show what is gone.
      context.settings.catalog?.recordDeleted(form, gone);
    }
  }
  await settleOthers({ ...context, signal }, new Set(present.map(({ form }) => form)));
  return { removed, failed };
}

/** What an earlier run began to remove is no longer listed, so no plan names it: it is ended here. */
async function settleOthers(context: ShelfContext, handled: ReadonlySet<BackupForm>): Promise<void> {
  for (const form of settledForms) {
    if (handled.has(form)) continue;
    try {
      await shelfOf(form, context).settle?.();
    } catch (error) {
      context.signal.throwIfAborted();
      context.settings.notify({ level: 'warning', message: `an earlier removal stays half done: ${messageOf(error)}` });
    }
  }
}

function failedOf(
  { id, error }: ShelfRemoval['failed'][number],
  byId: ReadonlyMap<string, BackupRecord>,
): RemovedBackups['failed'] {
  const backup = byId.get(id);
  return backup === undefined ? [] : [{ backup, message: messageOf(error) }];
}

function needsLock({ keep, forget }: ForgetGroup): boolean {
  return [...keep.map(({ backup }) => backup), ...forget].some(({ form }) => form !== 'value');
}

interface OpenShelf {
  readonly shelf: BackupShelf;
  readonly ids: ReadonlySet<string>;
}

type OpenShelves = ReadonlyMap<BackupForm, OpenShelf>;

/** The shelves of the plan, each with the ids that are there now. */
async function openShelves(plan: ForgetPlan, context: ShelfContext): Promise<OpenShelves> {
  const backups = plan.groups.flatMap(({ keep, forget }) => [...keep.map(({ backup }) => backup), ...forget]);
  const shelves = new Map<BackupForm, OpenShelf>();
  for (const form of new Set(backups.map(({ form }) => form))) {
    const shelf = shelfOf(form, context);
    shelves.set(form, { shelf, ids: await shelf.listIds() });
  }
  return shelves;
}

function refuseIfOutdated({ groups }: ForgetPlan, shelves: OpenShelves): void {
  const kept = groups.filter(({ forget }) => forget.length > 0).flatMap(({ keep }) => keep);
  const gone = kept.filter(({ backup: { form, id } }) => shelves.get(form)?.ids.has(id) !== true);
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
