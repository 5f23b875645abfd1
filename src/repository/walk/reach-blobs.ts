// Everything that some trees refer to, found by reading each tree once.
import { utf8Lossy } from '../../base/bytes.ts';
import { type BlobId, idFromBytes, idToBytes } from '../../base/ids.ts';
import { decodeTree } from '../../formats/tree/tree-decoder.ts';
import { hasCode, isCairnError, type KnownError } from '../../base/errors.ts';
import { isHostileName } from '../../formats/tree/node-name.ts';
import { readBlob } from '../blob-reader.ts';
import { BlobWindows } from '../check/blob-windows.ts';
import type { PackTable } from '../check/pack-table.ts';
import { type ReferenceVisitor, visitReferences } from '../check/tree-references.ts';
import { BLOB_DATA, BLOB_TREE, type BlobIndex, type BlobTypeBit } from '../index/blob-index.ts';
import type { Repository } from '../repository.ts';

export interface ReachVisitor {
  /** Something refers to this blob; told by the number of its first record. For a tree: whether to read it. */
  reach(type: BlobTypeBit, record: number): boolean;
  /** Something refers to a blob that no index file lists. May throw. */
  missing(type: BlobTypeBit, id: BlobId, referrer: string): void;
  /** A tree cannot be read, so that what it refers to is unknown. Without this the walk ends with the error. */
  unreadable?(record: number, error: KnownError): void;
  /** A tree has a name that no file system allows. */
  hostile?(tree: BlobId, referrer: string): void;
}

export interface ReachOptions {
  readonly table: PackTable;
  readonly signal?: AbortSignal | undefined;
  /** Called after each tree with the number of trees read. */
  readonly onTree?: ((trees: number) => void) | undefined;
}

export interface ReachRoot {
  readonly tree: BlobId;
  /** What refers to it, for messages. */
  readonly referrer: string;
}

/** Snapshots of old versions of restic could have no tree at all. */
const NO_TREE = /^0{64}$/;

/**
 * Visits the blobs that are reachable from the roots. Memory: what the visitor keeps, and the trees that are still to be
 * read. Throws what `readBlob` and `decodeTree` throw for a tree that cannot be read, unless the visitor takes it.
 */
export async function reachBlobs(
  repository: Repository,
  index: BlobIndex,
  roots: Iterable<ReachRoot>,
  visitor: ReachVisitor,
  options: ReachOptions,
): Promise<number> {
  const walk = new ReachWalk(repository, index, visitor, options);
  for (const { tree, referrer } of roots) if (!NO_TREE.test(tree)) walk.addRoot(tree, referrer);
  return await walk.run();
}

class ReachWalk {
  readonly #repository: Repository;
  readonly #index: BlobIndex;
  readonly #visitor: ReachVisitor;
  readonly #options: ReachOptions;
  readonly #windows: BlobWindows;
  /** Records of trees to read; the last one first, which keeps to the order the trees were written in. */
  readonly #pending: number[] = [];
  #active = 0;
  #trees = 0;
  #failure: { readonly error: unknown } | undefined;
  #progress: PromiseWithResolvers<void> = Promise.withResolvers();

  constructor(repository: Repository, index: BlobIndex, visitor: ReachVisitor, options: ReachOptions) {
    this.#repository = repository;
    this.#index = index;
    this.#visitor = visitor;
    this.#options = options;
    this.#windows = new BlobWindows(repository, index, (packNumber) => options.table.sizeBytes(packNumber));
  }

  addRoot(tree: BlobId, referrer: string): void {
    this.#addTree(idToBytes(tree), () => referrer);
  }

  async run(): Promise<number> {
    const lanes = Math.max(2, Math.min(8, this.#repository.storage.features.connections));
    await Promise.all(Array.from({ length: lanes }, () => this.#lane()));
    if (this.#failure !== undefined) throw this.#failure.error;
    return this.#trees;
  }

  // Never rejects. Ends when nothing is pending and no other lane is at work, which could find more.
  async #lane(): Promise<void> {
    while (this.#failure === undefined) {
      const record = this.#pending.pop();
      if (record !== undefined) await this.#visit(record);
      else if (this.#active > 0) await this.#progress.promise;
      else return;
    }
  }

  async #visit(record: number): Promise<void> {
    this.#active++;
    try {
      this.#options.signal?.throwIfAborted();
      const bytes = await this.#read(record);
      this.#options.onTree?.(++this.#trees);
      this.#visitReferences(this.#index.blobId(record), bytes);
    } catch (error) {
      this.#onError(record, error);
    } finally {
      this.#active--;
      this.#progress.resolve();
      this.#progress = Promise.withResolvers();
    }
  }

  #onError(record: number, error: unknown): void {
    const isTold =
      this.#options.signal?.aborted !== true && isCairnError(error) && this.#visitor.unreadable !== undefined;
    if (isTold) this.#visitor.unreadable?.(record, error);
    else this.#failure ??= { error };
  }

  async #read(record: number): Promise<Uint8Array> {
    const { signal } = this.#options;
    const near = await this.#windows.read(record, signal);
    return near ?? readBlob(this.#repository, this.#index, 'tree', this.#index.blobId(record), { signal });
  }

  #visitReferences(tree: BlobId, bytes: Uint8Array): void {
    const visitor: ReferenceVisitor = {
      data: (id, name) => this.#addData(id, () => entryOf(tree, name)),
      tree: (id, name) => this.#addTree(id, () => entryOf(tree, name)),
    };
    try {
      if (visitReferences(bytes, visitor)) return;
    } catch (error) {
      if (!hasCode(error, 'NAME_HOSTILE')) throw error;
    }
    // Not written as usual. That some of it was visited already does not matter.
    for (const node of decodeTree(bytes, { hostile: 'keep' })) {
      if (isHostileName(node.name)) this.#visitor.hostile?.(tree, entryOf(tree, node.name));
      if (node.type === 'dir') visitor.tree(idToBytes(node.subtree), node.name);
      else if (node.type === 'file') for (const id of node.content) visitor.data(idToBytes(id), node.name);
    }
  }

  #addData(id: Uint8Array, referrer: () => string): void {
    const record = this.#index.find(BLOB_DATA, id);
    if (record >= 0) this.#visitor.reach(BLOB_DATA, record);
    else this.#visitor.missing(BLOB_DATA, idFromBytes<BlobId>(id), referrer());
  }

  #addTree(id: Uint8Array, referrer: () => string): void {
    const record = this.#index.find(BLOB_TREE, id);
    if (record < 0) this.#visitor.missing(BLOB_TREE, idFromBytes<BlobId>(id), referrer());
    else if (this.#visitor.reach(BLOB_TREE, record)) this.#pending.push(record);
  }
}

function entryOf(tree: BlobId, name: Uint8Array): string {
  return `tree ${tree}, entry ${JSON.stringify(utf8Lossy(name))}`;
}
