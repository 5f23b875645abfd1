// Makes the index agree with the packs that are there (restic's `repair index`): packs that no index file lists are
// read and listed, entries of packs that are gone are dropped, index files that cannot be read are replaced.
import { mapConcurrent } from '../../base/concurrency.ts';
import { CairnError, hasCode, messageOf } from '../../base/errors.ts';
import type { IndexId, PackId } from '../../base/ids.ts';
import { PackTable } from '../check/pack-table.ts';
import type { BlobIndex } from '../index/blob-index.ts';
import { loadIndex } from '../index/load-index.ts';
import { type ListedPack, rewriteIndex } from '../index/rewrite-index.ts';
import { idOfName, objectName } from '../layout.ts';
import type { Repository } from '../repository.ts';
import { readPackHeader } from './read-pack-header.ts';

export interface IndexRepairPlan {
  /** Index files that cannot be read. */
  readonly damagedIndexFiles: readonly IndexId[];
  /** Packs the index lists that are not there. Their blobs are lost unless they are in another pack. */
  readonly missingPacks: readonly PackId[];
  /** Packs whose headers are read: those that no index file lists, or several, or one with another size; or all. */
  readonly packsToRead: readonly PackToRead[];
}

export interface PackToRead {
  readonly id: PackId;
  readonly sizeBytes: number;
  readonly why: 'unlisted' | 'repeated' | 'size' | 'all';
}

export interface IndexRepairResult {
  readonly plan: IndexRepairPlan;
  /** Packs whose header was read and listed. */
  readonly packsListed: number;
  /** Packs whose header is damaged. What the index said of them stays; `repair packs` saves what is intact in them. */
  readonly unreadablePacks: readonly { readonly id: PackId; readonly message: string }[];
  readonly indexFilesWritten: number;
  readonly indexFilesRemoved: number;
}

export interface IndexRepairOptions {
  /** Read the header of every pack, and believe no index file. */
  readonly readAllPacks?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** Compares index and packs. Throws `STORAGE_UNREACHABLE` where there is an index and no pack at all. */
export async function planIndexRepair(
  repository: Repository,
  { readAllPacks = false, signal }: IndexRepairOptions = {},
): Promise<IndexRepairPlan> {
  const damagedIndexFiles: IndexId[] = [];
  const packsOfFiles = new Map<IndexId, number[]>();
  const index = await loadIndex(repository, {
    signal,
    packsOfFiles,
    onDamaged: ({ facts }) => {
      const id = idOfName('index', String(facts['object']));
      if (id !== undefined) damagedIndexFiles.push(id);
    },
  });
  const repeated = repeatedPacks(index, packsOfFiles);
  const table = new PackTable(index);
  const listed = new Map<PackId, number>();
  for (let pack = 0; pack < index.packCount; pack++) listed.set(index.packId(pack), table.sizeBytes(pack));
  const packsToRead: PackToRead[] = [];
  let packCount = 0;
  for await (const { id, sizeBytes } of repository.listIds('pack', { signal })) {
    packCount++;
    const expected = listed.get(id);
    listed.delete(id);
    if (expected === undefined) packsToRead.push({ id, sizeBytes, why: 'unlisted' });
    else if (expected !== sizeBytes) packsToRead.push({ id, sizeBytes, why: 'size' });
    else if (repeated.has(id)) packsToRead.push({ id, sizeBytes, why: 'repeated' });
    else if (readAllPacks) packsToRead.push({ id, sizeBytes, why: 'all' });
  }
  if (packCount === 0 && listed.size > 0) throw noPacks(repository, listed.size);
  // A listing may lag behind; an entry goes only when the pack is not there when asked for.
  const missing = await mapConcurrent(listed.keys(), { limit: 4, signal }, async (id) =>
    (await repository.origin.stat(objectName('pack', id), { signal })) === undefined ? [id] : [],
  );
  return { damagedIndexFiles, missingPacks: missing.flat(), packsToRead };
}

/**
 * Packs with more than one listing, as an interrupted prune leaves them. restic wants all blobs of a pack in one index
 * file, and takes listings that differ for a damaged pack.
 */
function repeatedPacks(index: BlobIndex, packsOfFiles: ReadonlyMap<IndexId, readonly number[]>): Set<PackId> {
  const listings = new Uint8Array(index.packCount);
  const repeated = new Set<PackId>();
  for (const packs of packsOfFiles.values()) {
    for (const pack of packs) {
      if (listings[pack] === 1) repeated.add(index.packId(pack));
      listings[pack] = 1;
    }
  }
  return repeated;
}

/** Whether the plan changes anything. */
export function repairsIndex(plan: IndexRepairPlan): boolean {
  return plan.damagedIndexFiles.length + plan.missingPacks.length + plan.packsToRead.length > 0;
}

/** The caller holds the exclusive lock since before the plan was made. */
export async function applyIndexRepair(
  repository: Repository,
  plan: IndexRepairPlan,
  options: IndexRepairOptions = {},
): Promise<IndexRepairResult> {
  const unreadable: { readonly id: PackId; readonly message: string }[] = [];
  const drop = new Set(plan.missingPacks);
  let packsListed = 0;
  const listing = async function* (): AsyncGenerator<ListedPack> {
    for await (const pack of readHeaders(repository, plan.packsToRead, unreadable, options)) {
      // What the index said of it so far goes, now that its own header is known.
      drop.add(pack.id);
      packsListed++;
      yield pack;
    }
  };
  const change = {
    drop,
    add: listing(),
    damaged: new Set(plan.damagedIndexFiles),
    // Where no header at all can be read, the reading is at fault, and tomorrow the index files may be fine.
    removesDamaged: () => packsListed > 0 || unreadable.length === 0,
  };
  const { written, removed } = await rewriteIndex(repository, change, { signal: options.signal });
  return { plan, packsListed, unreadablePacks: unreadable, indexFilesWritten: written, indexFilesRemoved: removed };
}

/** Headers are read and passed on by so many packs at once, so that a whole repository needs no memory. */
const BATCH = 64;

async function* readHeaders(
  repository: Repository,
  packs: readonly PackToRead[],
  unreadable: { readonly id: PackId; readonly message: string }[],
  { signal, onProgress }: IndexRepairOptions,
): AsyncGenerator<ListedPack> {
  let done = 0;
  for (let start = 0; start < packs.length; start += BATCH) {
    const batch = packs.slice(start, start + BATCH);
    const read = await mapConcurrent(batch, { limit: readers(repository), signal }, async ({ id, sizeBytes }) => {
      try {
        return [{ id, blobs: await readPackHeader(repository, id, sizeBytes, signal) }];
      } catch (error) {
        if (!hasCode(error, 'PACK_CORRUPT')) throw error;
        unreadable.push({ id, message: messageOf(error) });
        return [];
      } finally {
        onProgress?.(++done, packs.length);
      }
    });
    yield* read.flat();
  }
}

function readers({ origin }: Repository): number {
  return Math.max(2, origin.features.connections);
}

function noPacks({ origin }: Repository, count: number): CairnError {
  return new CairnError('STORAGE_UNREACHABLE', `${origin.url} has no pack at all, and its index lists ${count}`, {
    hint: 'Check that all of the vault is mounted and copied: `data/` is empty. Nothing was changed.',
    facts: { packs: count },
  });
}
