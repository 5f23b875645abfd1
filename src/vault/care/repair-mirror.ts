// Lets the storages of a mirror that fell behind catch up with the first one.
import { isSidecar, isWritingMarker, objectOf, sidecarOf } from '../../archives/shelf/shelf-listing.ts';
import { decodeSidecar } from '../../archives/sidecar.ts';
import { ARCHIVES } from '../../archives/stored-name.ts';
import { CairnError, hasCode } from '../../base/errors.ts';
import type { Progress } from '../../base/job.ts';
import { loadIndex } from '../../repository/index/load-index.ts';
import { folderOf, objectName } from '../../repository/layout.ts';
import {
  applyMirrorRepair,
  type MirrorRepairPlan,
  type MirrorRepairResult,
  planMirrorRepair,
  type RepairProgress,
  type RepairRules,
} from '../../storage/mirror/mirror-repair.ts';
import type { MirroredStorage } from '../../storage/mirror/mirrored-storage.ts';
import type { Storage, StorageOptions } from '../../storage/storage.ts';
import type { ActionContext } from '../actions/backup-action.ts';
import { openSession } from '../vault-session.ts';

// Packs, then what lists them, then what refers to all of it; the config makes a place a vault (repository format,
// "Indexing"). Archives come after the repository, whose time a large one must not take; each before its sidecar, which
// commits it. Shelves that refer to nothing come first.
const ranks: readonly (readonly [prefix: string, rank: number])[] = [
  ['data/', 1],
  ['index/', 2],
  ['snapshots/', 3],
  ['config', 4],
  [ARCHIVES, 5],
];

function rulesFor(first: Storage): RepairRules {
  return {
    rank: (name) => (isSidecar(name) ? 6 : (ranks.find(([prefix]) => name.startsWith(prefix))?.[1] ?? 0)),
    isPassing: (name) => name.startsWith('locks/'),
    isMutable: (name) => name === 'config' || isSidecar(name),
    isApart: (name) => name.startsWith(ARCHIVES),
    needs: (name) => (isSidecar(name) ? objectOf(name) : undefined),
    sha256: async (name, options) => (isArchive(name) ? await recordedSha256(first, name, options) : undefined),
  };
}

function isArchive(name: string): boolean {
  return name.startsWith(ARCHIVES) && name === objectOf(name);
}

/** An archive without a sidecar that can be read is copied as it is; `check` names it in both places. */
async function recordedSha256(first: Storage, name: string, options: StorageOptions): Promise<string | undefined> {
  try {
    return decodeSidecar(await first.read(sidecarOf(name), options)).storedSha256;
  } catch (error) {
    if (hasCode(error, 'OBJECT_MISSING') || hasCode(error, 'ARCHIVE_CORRUPT')) return undefined;
    throw error;
  }
}

/** Archives are written without a lock: what is being written in the first storage is left alone in the other one. */
async function planMember(first: Storage, member: Storage, signal: AbortSignal): Promise<MirrorRepairPlan> {
  const before = await beingWritten(first, signal);
  const plan = await planMirrorRepair(first, member, rulesFor(first), { signal });
  const busy = new Set([...before, ...(await beingWritten(first, signal))]);
  const isLeft = (name: string): boolean => busy.has(objectOf(name)) || !mayHold(member, name);
  const copy = plan.copy.filter(({ name }) => !isLeft(name));
  const copyBytes = copy.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  return { ...plan, copy, copyBytes, remove: plan.remove.filter((name) => !isLeft(name)) };
}

/** A storage of restic's files takes no other shelf. */
function mayHold({ features: { resticNamesOnly } }: Storage, name: string): boolean {
  return resticNamesOnly !== true || name === 'config' || repositoryFolders.some((folder) => name.startsWith(folder));
}

const repositoryFolders = ['data/', 'index/', 'keys/', 'snapshots/'];

async function beingWritten(storage: Storage, signal: AbortSignal): Promise<Set<string>> {
  const objects = new Set<string>();
  if (storage.features.resticNamesOnly === true) return objects;
  for await (const { name } of storage.list(ARCHIVES, { signal })) {
    if (isWritingMarker(name)) objects.add(objectOf(name));
  }
  return objects;
}

export async function planRepairs(
  mirror: MirroredStorage,
  { signal }: ActionContext,
): Promise<readonly MirrorRepairPlan[]> {
  // Another vault is named before anything of it would be removed.
  await mirror.compare({ signal });
  const [first, ...others] = storagesOf(mirror);
  const plans: MirrorRepairPlan[] = [];
  if (first === undefined) return plans;
  for (const other of others) plans.push(await planMember(first, other, signal));
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

/** Compares everything again under a lock; only what was planned and is still superfluous is removed. */
export async function applyRepairs(
  mirror: MirroredStorage,
  context: ActionContext,
  plans: readonly MirrorRepairPlan[],
): Promise<readonly MirrorRepairResult[]> {
  const { repository, settings, report } = context;
  const removes = plans.some(({ remove }) => remove.length > 0);
  await using session = await openSession(repository, settings, {
    // Adding disturbs no backup. Removing might: a pack that a backup is just writing looks superfluous.
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
    const now = await planMember(first, other, signal);
    const planned = new Set(plan.remove);
    await session.assertHeld();
    const onProgress = (progress: RepairProgress): void => report(progressOf(plan.url, progress));
    const agreed = { ...now, remove: now.remove.filter((name) => planned.has(name)) };
    results.push(await applyMirrorRepair(first, other, agreed, { ...rulesFor(first), isCold }, { signal, onProgress }));
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
  const trees = index.treePacks();
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
