import { utf8Lossy } from '../../base/bytes.ts';
import { hasCode, messageOf } from '../../base/errors.ts';
import { type BlobId, idToBytes } from '../../base/ids.ts';
import type { Node } from '../../formats/tree/node.ts';
import { decodeTree } from '../../formats/tree/tree-decoder.ts';
import { isHostileName } from '../../formats/tree/node-name.ts';
import { BLOB_DATA, BLOB_TREE, type BlobIndex } from '../index/blob-index.ts';
import { RecordSet } from '../index/record-set.ts';
import { objectName } from '../layout.ts';
import type { Repository } from '../repository.ts';
import type { SnapshotRecord } from '../snapshots.ts';
import { readBlob } from '../blob-reader.ts';
import { BlobWindows } from './blob-windows.ts';
import type { FindingList } from './finding.ts';
import type { PackTable } from './pack-table.ts';

// Snapshots of old versions of restic could have no tree at all; restic accepts them.
const NO_TREE = /^0{64}$/;

export interface CheckTreesOptions {
  readonly table: PackTable;
  readonly signal?: AbortSignal | undefined;
  /** Called after each tree with the number of trees read. */
  readonly onTree?: ((trees: number) => void) | undefined;
}

/**
 * Walks every tree that a snapshot refers to, each once, and looks up every blob in the index. Memory: a bit
 * for each blob, and the trees that are still to be read.
 */
export async function checkTrees(
  repository: Repository,
  index: BlobIndex,
  snapshots: readonly SnapshotRecord[],
  findings: FindingList,
  options: CheckTreesOptions,
): Promise<number> {
  const walk = new TreeCheck(repository, index, findings, options);
  for (const { id, snapshot } of snapshots) {
    if (NO_TREE.test(snapshot.tree)) continue;
    walk.addRoot(snapshot.tree, objectName('snapshot', id));
  }
  return await walk.run();
}

class TreeCheck {
  readonly #repository: Repository;
  readonly #index: BlobIndex;
  readonly #findings: FindingList;
  readonly #options: CheckTreesOptions;
  readonly #visited: RecordSet;
  readonly #windows: BlobWindows;
  /** Records of trees to read; the last one first, which keeps to the order the trees were written in. */
  readonly #pending: number[] = [];
  #active = 0;
  #trees = 0;
  #progress: PromiseWithResolvers<void> = Promise.withResolvers();

  constructor(repository: Repository, index: BlobIndex, findings: FindingList, options: CheckTreesOptions) {
    this.#repository = repository;
    this.#index = index;
    this.#findings = findings;
    this.#options = options;
    this.#visited = new RecordSet(index);
    this.#windows = new BlobWindows(repository, index, (packNumber) => options.table.sizeBytes(packNumber));
  }

  addRoot(tree: BlobId, snapshot: string): void {
    this.#addTree(tree, () => `${snapshot} refers to tree ${tree}, which is not in the index`);
  }

  async run(): Promise<number> {
    const lanes = Math.max(2, Math.min(8, this.#repository.storage.features.connections));
    const ends = await Promise.allSettled(Array.from({ length: lanes }, () => this.#lane()));
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
    return this.#trees;
  }

  // A lane ends when nothing is pending and no other lane is at work, which could find more.
  async #lane(): Promise<void> {
    for (;;) {
      this.#options.signal?.throwIfAborted();
      const record = this.#pending.pop();
      if (record !== undefined) {
        this.#active++;
        await this.#checkTree(record).finally(() => this.#finishTree());
      } else if (this.#active > 0) {
        await this.#progress.promise;
      } else {
        return;
      }
    }
  }

  #finishTree(): void {
    this.#active--;
    this.#progress.resolve();
    this.#progress = Promise.withResolvers();
  }

  async #checkTree(record: number): Promise<void> {
    const id = this.#index.blobId(record);
    const nodes = await this.#load(record, id);
    this.#options.onTree?.(++this.#trees);
    for (const node of nodes) this.#checkNode(id, node);
  }

  async #load(record: number, id: BlobId): Promise<Node[]> {
    const { signal } = this.#options;
    try {
      const bytes =
        (await this.#windows.read(record, signal)) ??
        (await readBlob(this.#repository, this.#index, 'tree', id, { signal }));
      return decodeTree(bytes, { hostile: 'keep' });
    } catch (error) {
      signal?.throwIfAborted();
      const kind = hasCode(error, 'BLOB_MISSING') ? 'blob-missing' : 'tree-damaged';
      this.#findings.add(kind, this.#describe(record), messageOf(error));
      return [];
    }
  }

  #checkNode(tree: BlobId, node: Node): void {
    const name = (): string => JSON.stringify(utf8Lossy(node.name));
    if (isHostileName(node.name)) {
      this.#findings.add('tree-name', `tree ${tree}`, `an entry is called ${name()}, which no file system allows`);
    }
    if (node.type === 'dir') {
      const { subtree } = node;
      this.#addTree(subtree, () => `tree ${tree}, directory ${name()}: its tree ${subtree} is not in the index`);
    } else if (node.type === 'file') {
      for (const id of node.content) {
        if (this.#index.has(BLOB_DATA, idToBytes(id))) continue;
        const message = `tree ${tree}, file ${name()}: its data blob ${id} is not in the index`;
        this.#findings.add('blob-missing', `blob ${id}`, message);
      }
    }
  }

  #addTree(id: BlobId, describeMissing: () => string): void {
    const record = this.#index.find(BLOB_TREE, idToBytes(id));
    if (record < 0) this.#findings.add('blob-missing', `tree ${id}`, describeMissing());
    else if (this.#visited.add(record)) this.#pending.push(record);
  }

  #describe(record: number): string {
    const location = this.#index.location(record);
    const where = location === undefined ? '' : ` in ${objectName('pack', this.#index.packId(location.packNumber))}`;
    return `tree ${this.#index.blobId(record)}${where}`;
  }
}
