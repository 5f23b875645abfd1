import {
  applyIndexRepair,
  type IndexRepairPlan,
  type IndexRepairResult,
  planIndexRepair,
  repairsIndex,
} from '../../repository/repair/repair-index.ts';
import type { ActionContext } from '../actions/backup-action.ts';
import type { CareOptions } from './care-options.ts';
import { openExclusiveSession, openRemovingSession } from './exclusive-session.ts';

export interface RepairIndexOptions extends CareOptions<IndexRepairPlan> {
  /** Read the header of every pack, and believe no index file. */
  readonly readAllPacks?: boolean | undefined;
}

export async function repairIndex(context: ActionContext, options: RepairIndexOptions): Promise<IndexRepairResult> {
  const { repository, report } = context;
  await using session = await (options.dryRun === true
    ? openExclusiveSession(context, options)
    : openRemovingSession(context));
  const { signal } = session;
  const plan = await planIndexRepair(repository, { readAllPacks: options.readAllPacks, signal });
  if (options.dryRun === true || !repairsIndex(plan)) {
    return { plan, packsListed: 0, unreadablePacks: [], indexFilesWritten: 0, indexFilesRemoved: 0 };
  }
  await options.onPlan?.(plan);
  await session.assertHeld();
  return await applyIndexRepair(repository, plan, {
    signal,
    onProgress: (completed, total) =>
      report({ phase: 'repair', completed, total, unit: 'packs', description: '', errors: 0 }),
  });
}
