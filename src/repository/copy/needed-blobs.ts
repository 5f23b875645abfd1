import { Uint32Column } from '../../base/column.ts';
import { CairnError } from '../../base/errors.ts';
import { type BlobId, idFromBytes, idToBytes } from '../../base/ids.ts';
import type { ReferenceVisitor } from '../check/tree-references.ts';
import { BLOB_DATA, BLOB_TREE, type BlobTypeBit } from '../index/blob-index.ts';
import { RecordSet } from '../index/record-set.ts';
import { type CopyDamage, saysLost } from './copy-damage.ts';
import type { CopySide, SourceTrees } from './source-trees.ts';

/** Blobs of the source that the target does not have, by their record numbers. */
export interface NeededBlobs {
  readonly data: Uint32Array;
  readonly trees: Uint32Array;
  /** Sealed bytes in the source. */
  readonly bytes: number;
}

/**
 * Walks trees and collects what the target lacks. Every tree is read once, also those that the target has: that a tree
 * is there does not say that what it refers to is, since an interrupted run may have stored it. Memory: three bits for each
 * blob, and four bytes for each that is needed.
 */
export class NeededBlobsWalk {
  readonly #source: CopySide;
  readonly #target: CopySide;
  readonly #trees: SourceTrees;
  readonly #damage: CopyDamage;
  readonly #onTree: ((trees: number) => void) | undefined;
  readonly #visited: RecordSet;
  readonly #needed: RecordSet;
  /** Trees that only the target has. */
  readonly #visitedElsewhere = new Set<BlobId>();
  /** The last one first, which keeps to the order the trees were written in. */
  readonly #pending: BlobId[] = [];
  #found = emptyFind();
  #active = 0;
  #treeCount = 0;
  #failure: { readonly error: unknown } | undefined;
  #progress: PromiseWithResolvers<void> = Promise.withResolvers();

  constructor(
    source: CopySide,
    target: CopySide,
    {
      trees,
      damage,
      onTree,
    }: {
      readonly trees: SourceTrees;
      readonly damage: CopyDamage;
      readonly onTree?: ((trees: number) => void) | undefined;
    },
  ) {
    this.#source = source;
    this.#target = target;
    this.#trees = trees;
    this.#damage = damage;
    this.#onTree = onTree;
    this.#visited = new RecordSet(source.index);
    this.#needed = new RecordSet(source.index);
  }

  /** What is below this root and needed, without what an earlier call returned. Call it for one root after the other. */
  async collect(root: BlobId, signal: AbortSignal | undefined): Promise<NeededBlobs> {
    this.#addTree(idToBytes(root));
    const lanes = Math.max(2, Math.min(8, this.#source.repository.storage.features.connections));
    await Promise.all(Array.from({ length: lanes }, () => this.#lane(signal)));
    if (this.#failure !== undefined) throw this.#failure.error;
    const { data, trees, bytes } = this.#found;
    this.#found = emptyFind();
    return { data: data.toArray(), trees: trees.toArray(), bytes };
  }

  // Never rejects. Ends when nothing is pending and no other lane is at work, which could find more.
  async #lane(signal: AbortSignal | undefined): Promise<void> {
    while (this.#failure === undefined) {
      const tree = this.#pending.pop();
      if (tree !== undefined) await this.#visit(tree, signal);
      else if (this.#active > 0) await this.#progress.promise;
      else return;
    }
  }

  async #visit(tree: BlobId, signal: AbortSignal | undefined): Promise<void> {
    const visitor: ReferenceVisitor = {
      data: (id) => this.#need(BLOB_DATA, id),
      tree: (id) => this.#addTree(id),
    };
    this.#active++;
    try {
      signal?.throwIfAborted();
      await this.#trees.visit(tree, visitor, signal);
      this.#onTree?.(++this.#treeCount);
    } catch (error) {
      if (signal?.aborted !== true && saysLost(error)) this.#damage.add('tree', tree, error);
      else this.#failure ??= { error };
    } finally {
      this.#active--;
      this.#progress.resolve();
      this.#progress = Promise.withResolvers();
    }
  }

  #addTree(id: Uint8Array): void {
    const record = this.#source.index.find(BLOB_TREE, id);
    if (record >= 0 && !this.#visited.add(record)) return;
    const tree = idFromBytes<BlobId>(id);
    if (record < 0) {
      if (this.#visitedElsewhere.has(tree)) return;
      this.#visitedElsewhere.add(tree);
    }
    this.#need(BLOB_TREE, id);
    this.#pending.push(tree);
  }

  #need(type: BlobTypeBit, id: Uint8Array): void {
    const record = this.#source.index.find(type, id);
    if (record >= 0 && this.#needed.has(record)) return;
    if (this.#target.index.has(type, id)) return;
    if (record < 0) {
      const name = type === BLOB_TREE ? 'tree' : 'data';
      const blob = idFromBytes<BlobId>(id);
      this.#damage.add(name, blob, new CairnError('BLOB_MISSING', `${name} blob ${blob} is not in the index`));
      return;
    }
    this.#needed.add(record);
    (type === BLOB_TREE ? this.#found.trees : this.#found.data).push(record);
    this.#found.bytes += this.#source.index.location(record)?.length ?? 0;
  }
}

interface Find {
  readonly data: Uint32Column;
  readonly trees: Uint32Column;
  bytes: number;
}

function emptyFind(): Find {
  return { data: new Uint32Column(), trees: new Uint32Column(), bytes: 0 };
}
