import { type BlobId, idFromBytes } from '../../base/ids.ts';
import { CairnError, isCairnError } from '../../base/errors.ts';
import type { Node } from '../../formats/tree/node.ts';
import { decodeTree } from '../../formats/tree/tree-decoder.ts';
import { encodeTree } from '../../formats/tree/tree-encoder.ts';
import { readTreeBytes } from '../blob-reader.ts';
import type { BlobStore } from '../blob-store.ts';
import type { BlobIndex } from '../index/blob-index.ts';
import { LruCache } from '../lru-cache.ts';
import type { Repository } from '../repository.ts';
import { printPath } from '../walk/find-node.ts';
import { TreePath } from './tree-path.ts';

export interface TreeRules {
  /** The node as it should be: itself, a changed one, or `undefined` to leave it out. A directory's `subtree` is not its to change. */
  readonly node: (node: Node, path: TreePath) => Node | undefined;
  /**
   * A tree that cannot be read: given and true, it is replaced by an empty one, and a root makes the whole result
   * `undefined`; otherwise the error is thrown.
   */
  readonly onUnreadable?: ((path: TreePath, error: unknown) => boolean) | undefined;
  /** Trees are written again even if that loses what other programs put into them; otherwise `REWRITE_REFUSED`. */
  readonly mayLoseFields: boolean;
}

export interface RewrittenTree {
  readonly id: BlobId;
  /** Files in it, and their sizes, as its summary counts them. */
  readonly files: number;
  readonly bytes: number;
  /** Something in it could not be read, and what replaces it has the same id: it only has to be stored. */
  readonly isMended?: boolean;
}

const MEMORY_BYTES = 16 * 1024 * 1024;

/**
 * Goes through trees and makes new ones where rules change something; what does not change keeps its blob. Nothing is
 * durable before `flush` of the store.
 */
export class TreeRewriter {
  readonly #repository: Repository;
  readonly #index: BlobIndex;
  /** `undefined` in a dry run. */
  readonly #store: BlobStore | undefined;
  readonly #rules: TreeRules;
  readonly #signal: AbortSignal | undefined;
  /**
   * Trees that stay as they are: snapshots share most of them. A rule sees the path, so the same tree elsewhere is another
   * matter; and it may tell of what it changes, so those are gone through for each snapshot.
   */
  readonly #same = new LruCache<string, RewrittenTree>(MEMORY_BYTES, () => 400);
  readonly #onTree: ((trees: number) => void) | undefined;
  #trees = 0;

  constructor(
    repository: Repository,
    index: BlobIndex,
    store: BlobStore | undefined,
    rules: TreeRules,
    options: {
      readonly signal?: AbortSignal | undefined;
      /** Told how many trees were gone through. */
      readonly onTree?: ((trees: number) => void) | undefined;
    } = {},
  ) {
    this.#repository = repository;
    this.#index = index;
    this.#store = store;
    this.#rules = rules;
    this.#signal = options.signal;
    this.#onTree = options.onTree;
  }

  /** `undefined` for a root that cannot be read, where the rules allow that. */
  rewrite(root: BlobId): Promise<RewrittenTree | undefined> {
    return this.#rewrite(root, TreePath.root());
  }

  async #rewrite(id: BlobId, path: TreePath): Promise<RewrittenTree | undefined> {
    const key = `${id}${path.key}`;
    const known = this.#same.get(key);
    if (known !== undefined) return known;
    this.#signal?.throwIfAborted();
    const read = await this.#read(id, path);
    if (read === undefined && path.parent === undefined) return undefined;
    const result = read === undefined ? await this.#replace(id, path) : await this.#rewriteNodes(id, read, path);
    if (result.id === id && result.isMended !== true) this.#same.set(key, result);
    this.#onTree?.(++this.#trees);
    return result;
  }

  /** The empty tree in place of one that cannot be read, which may have been empty itself. */
  async #replace(old: BlobId, path: TreePath): Promise<RewrittenTree> {
    const id = await this.#save([], undefined, path);
    return { id, files: 0, bytes: 0, ...(id === old && { isMended: true }) };
  }

  async #read(id: BlobId, path: TreePath): Promise<ReadTree | undefined> {
    try {
      const bytes = await readTreeBytes(this.#repository, this.#index, id, { signal: this.#signal });
      return { bytes, nodes: decodeTree(bytes, { hostile: 'keep' }) };
    } catch (error) {
      this.#signal?.throwIfAborted();
      if (!isDamaged(error) || this.#rules.onUnreadable?.(path, error) !== true) throw error;
      return undefined;
    }
  }

  async #rewriteNodes(id: BlobId, { bytes: old, nodes }: ReadTree, path: TreePath): Promise<RewrittenTree> {
    const kept: Node[] = [];
    let isChanged = false;
    let isMended = false;
    let files = 0;
    let bytes = 0;
    for (const node of nodes) {
      const nodePath = path.child(node.name);
      const wanted = this.#rules.node(node, nodePath);
      if (wanted !== node) isChanged = true;
      if (wanted === undefined) continue;
      if (wanted.type !== 'dir') {
        if (wanted.type === 'file') {
          files++;
          bytes += Number(wanted.size);
        }
        kept.push(wanted);
        continue;
      }
      const below = await this.#rewrite(wanted.subtree, nodePath);
      const subtree = below?.id ?? wanted.subtree;
      if (subtree !== wanted.subtree) isChanged = true;
      kept.push(subtree === wanted.subtree ? wanted : { ...wanted, subtree });
      isMended ||= below?.isMended === true;
      files += below?.files ?? 0;
      bytes += below?.bytes ?? 0;
    }
    const newId = isChanged ? await this.#save(kept, { old, nodes }, path) : id;
    return { id: newId, files, bytes, ...(isMended && { isMended }) };
  }

  async #save(
    nodes: readonly Node[],
    from: { readonly old: Uint8Array; readonly nodes: readonly Node[] } | undefined,
    path: TreePath,
  ): Promise<BlobId> {
    if (from !== undefined && !this.#rules.mayLoseFields) refuseIfLossy(from.old, from.nodes, path);
    const json = encodeTree(nodes);
    return (await this.#store?.saveTree(json)) ?? this.#hash(json);
  }

  #hash(json: Uint8Array): BlobId {
    const hash = new Uint8Array(32);
    this.#repository.codec.sha256(json, hash);
    return idFromBytes<BlobId>(hash);
  }
}

interface ReadTree {
  readonly bytes: Uint8Array;
  readonly nodes: readonly Node[];
}

const damageCodes: readonly string[] = ['BLOB_MISSING', 'BLOB_CORRUPT', 'TREE_CORRUPT'];

function isDamaged(error: unknown): boolean {
  return isCairnError(error) && damageCodes.includes(error.code);
}

/** As in restic: a tree that would not come out the same, unchanged, holds something that we do not know of. */
function refuseIfLossy(old: Uint8Array, nodes: readonly Node[], path: TreePath): void {
  let same: boolean;
  try {
    same = Buffer.compare(encodeTree(nodes), old) === 0;
  } catch (error) {
    if (!isCairnError(error)) throw error;
    same = false;
  }
  if (same) return;
  throw new CairnError(
    'REWRITE_REFUSED',
    `the folder ${printPath(path.parts())} cannot be written again without losing something`,
    {
      hint: 'Another program put fields into it that would be lost. Leave this backup out, or change it with that program.',
      facts: { path: printPath(path.parts()) },
    },
  );
}
