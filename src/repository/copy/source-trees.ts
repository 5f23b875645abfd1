import { hasCode } from '../../base/errors.ts';
import { type BlobId, idToBytes } from '../../base/ids.ts';
import { decodeTree } from '../../formats/tree/tree-decoder.ts';
import { readBlob } from '../blob-reader.ts';
import { BlobWindows } from '../check/blob-windows.ts';
import { PackTable } from '../check/pack-table.ts';
import { type ReferenceVisitor, visitReferences } from '../check/tree-references.ts';
import { BLOB_TREE, type BlobIndex } from '../index/blob-index.ts';
import type { Repository } from '../repository.ts';
import { saysLost } from './copy-damage.ts';

/** One of the two repositories of a copy. */
export interface CopySide {
  readonly repository: Repository;
  readonly index: BlobIndex;
}

/** The trees of the source; where it lost one that the target has, it is read there. */
export class SourceTrees {
  readonly #source: CopySide;
  readonly #target: CopySide;
  readonly #windows: BlobWindows;

  constructor(source: CopySide, target: CopySide) {
    this.#source = source;
    this.#target = target;
    const table = new PackTable(source.index);
    this.#windows = new BlobWindows(source.repository, source.index, (packNumber) => table.sizeBytes(packNumber));
  }

  /** Visits what a tree refers to. Throws `BLOB_MISSING`, `BLOB_CORRUPT`, `TREE_CORRUPT`, or what the storage throws. */
  async visit(id: BlobId, visitor: ReferenceVisitor, signal: AbortSignal | undefined): Promise<void> {
    const bytes = await this.#read(id, signal);
    try {
      if (visitReferences(bytes, visitor)) return;
    } catch (error) {
      if (!hasCode(error, 'NAME_HOSTILE')) throw error;
    }
    // Not written as usual. That some of it was visited already does not matter; nor do names, which stay what they are.
    for (const node of decodeTree(bytes, { hostile: 'keep' })) {
      if (node.type === 'dir') visitor.tree(idToBytes(node.subtree), node.name);
      else if (node.type === 'file') for (const blob of node.content) visitor.data(idToBytes(blob), node.name);
    }
  }

  async #read(id: BlobId, signal: AbortSignal | undefined): Promise<Uint8Array> {
    const { repository, index } = this.#source;
    const record = index.find(BLOB_TREE, idToBytes(id));
    const near = record < 0 ? undefined : await this.#windows.read(record, signal);
    if (near !== undefined) return near;
    try {
      return await readBlob(repository, index, 'tree', id, { signal });
    } catch (error) {
      if (!saysLost(error) || !this.#target.index.has(BLOB_TREE, idToBytes(id))) throw error;
      return await readBlob(this.#target.repository, this.#target.index, 'tree', id, { signal });
    }
  }
}
