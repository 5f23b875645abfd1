import { utf8Lossy } from '../../base/bytes.ts';
import { hasCode, isCairnError } from '../../base/errors.ts';
import { type BlobId, idFromBytes, idToBytes } from '../../base/ids.ts';
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
import { type ReferenceVisitor, visitReferences } from './tree-references.ts';

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
    this.#addTree(idToBytes(tree), () => `${snapshot} refers to tree ${tree}, which is not in the index`);
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
    const { signal } = this.#options;
    const id = this.#index.blobId(record);
    try {
      const bytes =
        (await this.#windows.read(record, signal)) ??
        (await readBlob(this.#repository, this.#index, 'tree', id, { signal }));
      this.#options.onTree?.(++this.#trees);
      this.#checkReferences(id, bytes);
    } catch (error) {
      signal?.throwIfAborted();
      if (!isCairnError(error)) throw error;
      const kind = error.code === 'BLOB_MISSING' ? 'blob-missing' : 'tree-damaged';
      this.#findings.add(kind, this.#describe(record), error.message);
    }
  }

  #checkReferences(tree: BlobId, bytes: Uint8Array): void {
    const visitor: ReferenceVisitor = {
      data: (id, name) => this.#checkData(tree, id, name),
      tree: (id, name) => {
        this.#addTree(id, (subtree) => `${entryOf(tree, name)}: its tree ${subtree} is not in the index`);
      },
    };
    try {
      if (visitReferences(bytes, visitor)) return;
    } catch (error) {
      if (!hasCode(error, 'NAME_HOSTILE')) throw error;
    }
    // Not written as usual. That some of it was visited already does not matter.
    for (const node of decodeTree(bytes, { hostile: 'keep' })) {
      if (isHostileName(node.name)) {
        this.#findings.add('tree-name', `tree ${tree}`, `${entryOf(tree, node.name)}: no file system allows this name`);
      }
      if (node.type === 'dir') visitor.tree(idToBytes(node.subtree), node.name);
      else if (node.type === 'file') for (const id of node.content) visitor.data(idToBytes(id), node.name);
    }
  }

  #checkData(tree: BlobId, id: Uint8Array, name: Uint8Array): void {
    if (this.#index.has(BLOB_DATA, id)) return;
    const blob = idFromBytes<BlobId>(id);
    const message = `${entryOf(tree, name)}: its data blob ${blob} is not in the index`;
    this.#findings.add('blob-missing', `blob ${blob}`, message);
  }

  #addTree(id: Uint8Array, describeMissing: (tree: BlobId) => string): void {
    const record = this.#index.find(BLOB_TREE, id);
    if (record >= 0) {
      if (this.#visited.add(record)) this.#pending.push(record);
      return;
    }
    const tree = idFromBytes<BlobId>(id);
    this.#findings.add('blob-missing', `tree ${tree}`, describeMissing(tree));
  }

  #describe(record: number): string {
    const location = this.#index.location(record);
    const where = location === undefined ? '' : ` in ${objectName('pack', this.#index.packId(location.packNumber))}`;
    return `tree ${this.#index.blobId(record)}${where}`;
  }
}

function entryOf(tree: BlobId, name: Uint8Array): string {
  return `tree ${tree}, entry ${JSON.stringify(utf8Lossy(name))}`;
}
