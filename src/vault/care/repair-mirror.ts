// Lets the storages of a mirror that fell behind catch up with the first one.
import { CairnError } from '../../base/errors.ts';
import type { Progress } from '../../base/job.ts';
import { loadIndex } from '../../repository/index/load-index.ts';
import { folderOf, objectName } from '../../repository/layout.ts';
import { treePacks } from '../../repository/repository-cache.ts';
import {
  applyMirrorRepair,
  type MirrorRepairPlan,
  type MirrorRepairResult,
  planMirrorRepair,
  type RepairProgress,
  type RepairRules,
} from '../../storage/mirror/mirror-repair.ts';
import type { MirroredStorage } from '../../storage/mirror/mirror-storage.ts';
import type { Storage } from '../../storage/storage.ts';
import type { ActionContext } from '../actions/backup-action.ts';
import { openSession } from '../vault-session.ts';

// Packs, then what lists them, then what refers to all of it; the config makes a place a vault (repository format,
// "Indexing"). Shelves that refer to nothing come first.
const ranks: readonly (readonly [prefix: string, rank: number])[] = [
  ['data/', 1],
  ['index/', 2],
  ['snapshots/', 3],
  ['config', 4],
];

const rules: RepairRules = {
  rank: (name) => ranks.find(([prefix]) => name.startsWith(prefix))?.[1] ?? 0,
  isPassing: (name) => name.startsWith('locks/'),
  isMutable: (name) => name === 'config',
};

export async function planRepairs(
  mirror: MirroredStorage,
  { signal }: ActionContext,
): Promise<readonly MirrorRepairPlan[]> {
  // Another vault is named before anything of it would be removed.
  await mirror.compare({ signal });
  const [first, ...others] = storagesOf(mirror);
  const plans: MirrorRepairPlan[] = [];
  if (first === undefined) return plans;
  for (const other of others) plans.push(await planMirrorRepair(first, other, rules, { signal }));
  await refuseEmptying(first, plans, signal);
  return plans;
}

/** A vault without any backup is more likely to have lost them than to want its copies emptied. */
async function refuseEmptying(first: Storage, plans: readonly MirrorRepairPlan[], signal: AbortSignal): Promise<void> {
  const lost = plans.find(({ remove }) => remove.some((name) => name.startsWith(folderOf('snapshot'))));
  if (lost === undefined) return;
  for await (const _ of first.list(folderOf('snapshot'), { signal })) return;
  throw new CairnError('FORGET_REFUSED', `${first.url} has no backup, and all of ${lost.url} would be removed`, {
    hint: `If the vault lost them, open ${lost.url} by itself: it is a whole vault.`,
    facts: { first: first.url, other: lost.url },
  });
}

/** Under a lock everything is compared again; removed is only what was planned, and is still to be removed. */
export async function applyRepairs(
  mirror: MirroredStorage,
  context: ActionContext,
  plans: readonly MirrorRepairPlan[],
): Promise<readonly MirrorRepairResult[]> {
  const { repository, settings, report } = context;
  const removes = plans.some(({ remove }) => remove.length > 0);
  await using session = await openSession(repository, settings, {
    // Who only adds disturbs no backup. A pack that a backup is writing would look like one too many.
    mode: removes ? 'exclusive' : 'shared',
    purpose: 'write',
    signal: context.signal,
  });
  const { signal } = session;
  await mirror.compare({ signal });
  const [first, ...others] = storagesOf(mirror);
  const results: MirrorRepairResult[] = [];
  if (first === undefined) return results;
  const isCold = others.some(({ cold }) => cold !== undefined) ? await dataPacks(context, signal) : undefined;
  for (const plan of plans) {
    const other = others.find(({ url }) => url === plan.url);
    if (other === undefined) continue;
    const now = await planMirrorRepair(first, other, rules, { signal });
    const planned = new Set(plan.remove);
    await session.assertHeld();
    const onProgress = (progress: RepairProgress): void => report(progressOf(plan.url, progress));
    const agreed = { ...now, remove: now.remove.filter((name) => planned.has(name)) };
    results.push(await applyMirrorRepair(first, other, agreed, { ...rules, isCold }, { signal, onProgress }));
  }
  await mirror.compare({ signal });
  return results;
}

function storagesOf({ members }: MirroredStorage): readonly Storage[] {
  return members.map(({ storage }) => storage);
}

/** Packs that hold no tree: those may lie in a cold class. One that no index lists may not. */
async function dataPacks({ repository }: ActionContext, signal: AbortSignal): Promise<(name: string) => boolean> {
  const index = await loadIndex(repository, { signal });
  const trees = treePacks(index);
  const names = new Set<string>();
  for (let pack = 0; pack < index.packCount; pack++) {
    if (trees[pack] !== 1) names.add(objectName('pack', index.packId(pack)));
  }
  return (name) => names.has(name);
}

function progressOf(url: string, { bytes, totalBytes, objects, totalObjects, problems }: RepairProgress): Progress {
  return {
    phase: 'mirror',
    completed: objects,
    total: totalObjects,
    unit: 'steps',
    description: url,
    bytes,
    totalBytes,
    errors: problems,
  };
}
