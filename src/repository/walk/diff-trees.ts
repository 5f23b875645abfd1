// What changed between two trees, as `restic diff` tells it.
import { compareBytes } from '../../base/bytes.ts';
import { type BlobId, idToBytes } from '../../base/ids.ts';
import type { DirectoryNode, Node } from '../../formats/tree/node.ts';
import { readTree } from '../blob-reader.ts';
import { BLOB_DATA, BLOB_TREE, type BlobIndex } from '../index/blob-index.ts';
import { RecordSet } from '../index/record-set.ts';
import type { Repository } from '../repository.ts';
import { blobSize } from '../blob-size.ts';
import { sameContent, sameMetadata } from './same-node.ts';

/**
 * restic's letters: `+` only in the second, `-` only in the first, `M` content differs, `U` metadata (or something in the directory) differs,
 * `T` type differs (may be followed by others), `?` after `M`: content differs though nothing else does, which
 * smells of bit rot.
 */
export interface TreeChange {
  readonly modifier: string;
  readonly path: readonly Uint8Array[];
  /** The entry in the second tree, or in the first one if it is gone. */
  readonly node: Node;
}

export interface DiffSide {
  files: number;
  dirs: number;
  others: number;
  dataBlobs: number;
  treeBlobs: number;
  /** Plain bytes of those blobs. */
  bytes: number;
}

export interface DiffStatistics {
  changedFiles: number;
  readonly added: DiffSide;
  readonly removed: DiffSide;
}

export interface DiffOptions {
  readonly signal?: AbortSignal | undefined;
  /** Also tell entries whose metadata alone differs (`U`). */
  readonly metadata?: boolean | undefined;
  readonly onChange: (change: TreeChange) => void;
}

/** Compares two trees, telling each change in path order; equal subtrees are not read twice. */
export async function diffTrees(
  repository: Repository,
  index: BlobIndex,
  before: BlobId,
  after: BlobId,
  options: DiffOptions,
): Promise<DiffStatistics> {
  const diff = new TreeDiff(repository, index, options);
  await diff.compare([], before, after);
  return diff.finish();
}

type Side = 'before' | 'after' | 'common';

class TreeDiff {
  readonly #repository: Repository;
  readonly #index: BlobIndex;
  readonly #options: DiffOptions;
  readonly #blobs: Readonly<Record<Side, RecordSet>>;
  readonly #statistics: DiffStatistics = { changedFiles: 0, added: emptySide(), removed: emptySide() };

  constructor(repository: Repository, index: BlobIndex, options: DiffOptions) {
    this.#repository = repository;
    this.#index = index;
    this.#options = options;
    this.#blobs = { before: new RecordSet(index), after: new RecordSet(index), common: new RecordSet(index) };
  }

  async compare(path: readonly Uint8Array[], before: BlobId, after: BlobId): Promise<void> {
    this.#addBlob('before', BLOB_TREE, before);
    this.#addBlob('after', BLOB_TREE, after);
    const [left, right] = [await this.#read(before), await this.#read(after)];
    let [at, to] = [0, 0];
    for (;;) {
      const [a, b] = [left[at], right[to]];
      if (a === undefined && b === undefined) return;
      const order = a === undefined ? 1 : b === undefined ? -1 : compareBytes(a.name, b.name);
      if (order <= 0) at++;
      if (order >= 0) to++;
      if (order < 0 && a !== undefined) await this.#oneSided('before', path, a);
      else if (order > 0 && b !== undefined) await this.#oneSided('after', path, b);
      else if (a !== undefined && b !== undefined) await this.#both([...path, b.name], a, b);
    }
  }

  finish(): DiffStatistics {
    const { before, after, common } = this.#blobs;
    this.#countBlobs(this.#statistics.removed, before, after, common);
    this.#countBlobs(this.#statistics.added, after, before, common);
    return this.#statistics;
  }

  async #both(path: readonly Uint8Array[], a: Node, b: Node): Promise<void> {
    this.#addContent('before', a);
    this.#addContent('after', b);
    let modifier = a.type === b.type ? '' : 'T';
    if (a.type === 'file' && b.type === 'file' && !sameContent(a, b)) {
      this.#statistics.changedFiles++;
      modifier += sameMetadata(a, b) ? 'M?' : 'M';
    } else if (this.#options.metadata === true && !(sameMetadata(a, b) && sameSubtree(a, b))) {
      modifier += 'U';
    }
    if (modifier !== '') this.#options.onChange({ modifier, path, node: b });
    if (a.type !== 'dir' || b.type !== 'dir') return;
    if (a.subtree === b.subtree) await this.#collect('common', b.subtree);
    else await this.compare(path, a.subtree, b.subtree);
  }

  async #oneSided(side: 'before' | 'after', parent: readonly Uint8Array[], node: Node): Promise<void> {
    const path = [...parent, node.name];
    this.#options.onChange({ modifier: side === 'before' ? '-' : '+', path, node });
    const counts = side === 'before' ? this.#statistics.removed : this.#statistics.added;
    if (node.type === 'file') counts.files++;
    else if (node.type === 'dir') counts.dirs++;
    else counts.others++;
    this.#addContent(side, node);
    if (node.type !== 'dir') return;
    this.#addBlob(side, BLOB_TREE, node.subtree);
    for (const child of await this.#read(node.subtree)) await this.#oneSided(side, path, child);
  }

  /** Adds every blob below a tree, each tree once. */
  async #collect(side: Side, root: BlobId): Promise<void> {
    const pending = [root];
    for (let tree = pending.pop(); tree !== undefined; tree = pending.pop()) {
      if (!this.#addBlob(side, BLOB_TREE, tree)) continue;
      for (const node of await this.#read(tree)) {
        this.#addContent(side, node);
        if (node.type === 'dir') pending.push((node satisfies DirectoryNode).subtree);
      }
    }
  }

  #addContent(side: Side, node: Node): void {
    if (node.type === 'file') for (const id of node.content) this.#addBlob(side, BLOB_DATA, id);
  }

  #addBlob(side: Side, type: 0 | 1, id: BlobId): boolean {
    const record = this.#index.find(type, idToBytes(id));
    return record >= 0 && this.#blobs[side].add(record);
  }

  #countBlobs(counts: DiffSide, own: RecordSet, other: RecordSet, common: RecordSet): void {
    for (const record of own) {
      if (other.has(record) || common.has(record)) continue;
      if (this.#index.blobType(record) === BLOB_TREE) counts.treeBlobs++;
      else counts.dataBlobs++;
      counts.bytes += blobSize(this.#index.location(record));
    }
  }

  #read(tree: BlobId): Promise<Node[]> {
    this.#options.signal?.throwIfAborted();
    return readTree(this.#repository, this.#index, tree, { signal: this.#options.signal });
  }
}

// To restic a directory's tree is part of its metadata.
function sameSubtree(a: Node, b: Node): boolean {
  return a.type !== 'dir' || b.type !== 'dir' || a.subtree === b.subtree;
}

function emptySide(): DiffSide {
  return { files: 0, dirs: 0, others: 0, dataBlobs: 0, treeBlobs: 0, bytes: 0 };
}
