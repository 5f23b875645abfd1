import { CairnArgumentError } from '../../base/errors.ts';
import { isId, type PackId, parseId } from '../../base/ids.ts';
import {
  applyPackRepair,
  type PackRepairPlan,
  type PackRepairResult,
  planPackRepair,
} from '../../repository/repair/repair-packs.ts';
import type { ActionContext } from '../actions/backup-action.ts';
import { loadWholeIndex } from '../vault-session.ts';
import type { CareOptions } from './care-options.ts';
import { openExclusiveSession, openRemovingSession } from './exclusive-session.ts';

export interface RepairPacksOptions extends CareOptions<PackRepairPlan> {
  /** Called with the bytes of each damaged pack before anything is changed, to keep a copy somewhere. */
  readonly onDamagedPack?: ((id: PackId, bytes: Uint8Array) => Promise<void>) | undefined;
}

/** `packs`: ids, or the findings of a check, of which those about packs are taken. */
export async function repairPacks(
  context: ActionContext,
  packs: readonly (string | { readonly object: string })[],
  options: RepairPacksOptions,
): Promise<PackRepairResult> {
  const ids = packs.flatMap(packIdOf);
  const { repository, settings, report } = context;
  await using session = await (options.dryRun === true
    ? openExclusiveSession(context, options)
    : openRemovingSession(context));
  const { signal } = session;
  const index = await loadWholeIndex(repository, settings, signal);
  const onProgress =
    (phase: string) =>
    (completed: number, total: number): void =>
      report({ phase, completed, total, unit: 'packs', description: '', errors: 0 });
  const { onDamagedPack } = options;
  const plan = await planPackRepair(repository, index, ids, {
    signal,
    onProgress: onProgress('plan'),
    ...(options.dryRun === true ? {} : { onDamagedPack }),
  });
  if (options.dryRun === true || !plan.packs.some(({ state }) => state === 'damaged')) {
    return { plan, removedPacks: [] };
  }
  await options.onPlan?.(plan);
  await session.assertHeld();
  return await applyPackRepair(repository, index, plan, {
    signal,
    assertHeld: () => session.assertHeld(),
    onProgress: onProgress('repair'),
  });
}

function packIdOf(pack: string | { readonly object: string }): PackId[] {
  if (typeof pack === 'string') {
    if (isId(pack)) return [parseId<PackId>(pack)];
    throw new CairnArgumentError(`${JSON.stringify(pack)} is no id of a pack`, {
      hint: 'Give all 64 digits, as `cairn check --read-data` names them in data/xx/….',
    });
  }
  const id = /^data\/[0-9a-f]{2}\/([0-9a-f]{64})$/.exec(pack.object)?.[1];
  return id === undefined ? [] : [parseId<PackId>(id)];
}
