import { BLOB_TREE, type BlobIndex } from '../index/blob-index.ts';
import { RecordSet } from '../index/record-set.ts';
import { objectName } from '../layout.ts';
import type { Repository } from '../repository.ts';
import type { SnapshotRecord } from '../snapshots.ts';
import { reachBlobs } from '../walk/reach-blobs.ts';
import type { FindingList } from './finding.ts';
import type { PackTable } from './pack-table.ts';

export interface CheckTreesOptions {
  readonly table: PackTable;
  readonly signal?: AbortSignal | undefined;
  /** Called after each tree with the number of trees read. */
  readonly onTree?: ((trees: number) => void) | undefined;
}

/** Walks every tree that a snapshot refers to, each once, and looks up every blob in the index. */
export async function checkTrees(
  repository: Repository,
  index: BlobIndex,
  snapshots: readonly SnapshotRecord[],
  findings: FindingList,
  options: CheckTreesOptions,
): Promise<number> {
  const visited = new RecordSet(index);
  return await reachBlobs(
    repository,
    index,
    snapshots.map(({ id, snapshot }) => ({ tree: snapshot.tree, referrer: objectName('snapshot', id) })),
    {
      reach: (type, record) => type === BLOB_TREE && visited.add(record),
      missing: (type, id, referrer) => {
        const [kind, what] = type === BLOB_TREE ? ['tree', 'tree'] : ['blob', 'data blob'];
        findings.add('blob-missing', `${kind} ${id}`, `${referrer}: its ${what} ${id} is not in the index`);
      },
      unreadable: (record, error) => {
        const kind = error.code === 'BLOB_MISSING' ? 'blob-missing' : 'tree-damaged';
        findings.add(kind, describe(index, record), error.message);
      },
      hostile: (tree, referrer) =>
        findings.add('tree-name', `tree ${tree}`, `${referrer}: no file system allows this name`),
    },
    options,
  );
}

function describe(index: BlobIndex, record: number): string {
  const location = index.location(record);
  const where = location === undefined ? '' : ` in ${objectName('pack', index.packId(location.packNumber))}`;
  return `tree ${index.blobId(record)}${where}`;
}
