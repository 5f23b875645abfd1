// The first half of a prune: what snapshots need, found while others may go on writing. Nothing is changed here.
import { CairnError } from '../../base/errors.ts';
import { type BlobId, type PackId, shortId, type IndexId, type SnapshotId } from '../../base/ids.ts';
import { PackTable } from '../check/pack-table.ts';
import { BLOB_TREE, type BlobIndex, type BlobTypeBit } from '../index/blob-index.ts';
import { loadIndex } from '../index/load-index.ts';
import { RecordSet } from '../index/record-set.ts';
import { objectName } from '../layout.ts';
import type { Repository } from '../repository.ts';
import { readInOrder } from '../read-in-order.ts';
import { listSnapshots } from '../snapshots.ts';
import { reachBlobs } from '../walk/reach-blobs.ts';
import { PackUsage } from './pack-usage.ts';
import { decidePrune, type PackFile, type PrunePlan } from './prune-plan.ts';
import { type CompleteRules, completeRules, type PruneRules } from './prune-rules.ts';
import type { PruneProgress } from './prune-progress.ts';

export interface PlanPruneOptions extends PruneRules {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: PruneProgress) => void) | undefined;
  readonly onWarning?: ((message: string) => void) | undefined;
}

/** A plan with all that is needed to carry it out. */
export interface PlannedPrune {
  readonly plan: PrunePlan;
  readonly rules: CompleteRules;
  readonly usage: PackUsage;
  /** A `PackAction` for each pack. */
  readonly actions: Uint8Array;
  readonly index: BlobIndex;
  readonly unindexed: readonly PackFile[];
  /** First records of the blobs that the snapshots need. */
  readonly needed: RecordSet;
  readonly snapshots: ReadonlySet<SnapshotId>;
  /** The index files that `index` was made of, each with the numbers of the packs that it lists. */
  readonly packsOfFiles: ReadonlyMap<IndexId, readonly number[]>;
}

/**
 * The caller holds a lock, shared or exclusive. Throws `PRUNE_REFUSED` where something that a snapshot needs is missing,
 * `SNAPSHOT_CORRUPT`, `INDEX_CORRUPT` or what `readBlob` throws where it cannot be told what is needed.
 */
export async function planPrune(repository: Repository, options: PlanPruneOptions = {}): Promise<PlannedPrune> {
  const { signal, onProgress } = options;
  const rules = completeRules(options, repository.config.version);
  const packsOfFiles = new Map<IndexId, number[]>();
  const { snapshots, index, packs } = await readInOrder(
    repository,
    {
      snapshots: (listed) => listSnapshots(repository, { ...listed, onWarning: throwIt }),
      index: (listed) =>
        loadIndex(repository, {
          ...listed,
          packsOfFiles,
          onWarning: options.onWarning,
          onProgress: ({ files, totalFiles }) => onProgress?.({ phase: 'index', completed: files, total: totalFiles }),
        }),
    },
    signal,
  );
  const { fileBytes, unindexed } = await comparePacks(index, packs);
  const needed = new RecordSet(index);
  await reachBlobs(
    repository,
    index,
    snapshots.map(({ id, snapshot }) => ({ tree: snapshot.tree, referrer: `snapshot ${shortId(id)}` })),
    {
      reach: (_, record) => needed.add(record),
      missing: throwLost,
    },
    {
      table: new PackTable(index),
      signal,
      onTree: (trees) => onProgress?.({ phase: 'mark', completed: trees, total: undefined }),
    },
  );
  const usage = new PackUsage(index, needed, fileBytes);
  refuseIfLost(usage);
  const { plan, actions } = decidePrune(usage, unindexed, rules, repository.config.version);
  const ids = new Set(snapshots.map(({ id }) => id));
  return { plan, rules, usage, actions, index, unindexed, needed, snapshots: ids, packsOfFiles };
}

function throwIt(error: CairnError): never {
  throw error;
}

async function comparePacks(
  index: BlobIndex,
  packs: AsyncIterable<PackFile>,
): Promise<{ readonly fileBytes: Float64Array; readonly unindexed: readonly PackFile[] }> {
  const numbers = new Map<PackId, number>();
  for (let pack = 0; pack < index.packCount; pack++) numbers.set(index.packId(pack), pack);
  const fileBytes = new Float64Array(index.packCount).fill(-1);
  const unindexed: PackFile[] = [];
  for await (const file of packs) {
    const pack = numbers.get(file.id);
    if (pack === undefined) unindexed.push(file);
    else fileBytes[pack] = file.sizeBytes;
  }
  return { fileBytes, unindexed };
}

/** A blob that is needed and in no pack that is there: whatever is removed now might have helped to bring it back. */
function refuseIfLost({ lost, index }: PackUsage): void {
  const [first] = lost;
  if (first === undefined) return;
  const type = index.blobType(first) === BLOB_TREE ? 'tree' : 'data';
  const packs = index.locations(index.blobType(first), index.idBytes(first));
  const where = packs.map(({ packNumber }) => objectName('pack', index.packId(packNumber))).join(', ');
  throw new CairnError(
    'PRUNE_REFUSED',
    `${lost.length} blobs that backups need are in packs that are missing or have another size than the index says, ` +
      `such as ${type} blob ${index.blobId(first)} in ${where}`,
    { hint: REFUSED_HINT, facts: { blobs: lost.length, blob: index.blobId(first) } },
  );
}

const REFUSED_HINT =
  'Nothing was removed. See what is damaged with `cairn check`; `cairn repair index`, and then a new backup of the same ' +
  'files or `cairn repair snapshots`, puts it right; `cairn delete` removes a backup of which nothing can be read.';

/** Throws `PRUNE_REFUSED` for a blob that something needs and that is not to be had. */
export function throwLost(typeBit: BlobTypeBit, blob: BlobId, referrer: string): never {
  const type = typeBit === BLOB_TREE ? 'tree' : 'data';
  throw new CairnError('PRUNE_REFUSED', `${type} blob ${blob} is in no pack of the vault, and ${referrer} needs it`, {
    hint: REFUSED_HINT,
    facts: { blob, type },
  });
}
