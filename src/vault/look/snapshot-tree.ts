import { equalBytes } from '../../base/bytes.ts';
import { CairnError, hasCode } from '../../base/errors.ts';
import type { BlobId } from '../../base/ids.ts';
import type { Snapshot } from '../../formats/snapshot/snapshot.ts';
import type { FileNode, Node } from '../../formats/tree/node.ts';
import { readBlob, readTree } from '../../repository/blob-reader.ts';
import type { BlobIndex } from '../../repository/index/blob-index.ts';
import type { Repository } from '../../repository/repository.ts';
import { findNode, printPath } from '../../repository/walk/find-node.ts';
import { type TreeEntry, walkTree } from '../../repository/walk/walk-tree.ts';
import { splitPath } from './backup-entry.ts';
import { orderedPrefetch } from './ordered-prefetch.ts';

/** A place in a snapshot: an entry of it, or its root, which has no node. */
export type TreePlace =
  | { readonly kind: 'root'; readonly path: readonly []; readonly tree: BlobId }
  | { readonly kind: 'entry'; readonly path: readonly Uint8Array[]; readonly node: Node };

/**
 * How the only path of a snapshot lies in its tree. `absolute`: as Cairn and `restic backup /a/b` store it.
 * `named`: the root holds just that entry (`restic backup b`). `contents`: the root holds what is in the
 * folder (`restic backup .`), or anything else.
 */
export type OwnPath =
  | { readonly kind: 'absolute'; readonly path: readonly Uint8Array[]; readonly node: Node }
  | { readonly kind: 'named' | 'contents' };

/** What is read of a file ahead of the reader: blobs, of 8 MiB at most each. */
const READ_AHEAD = 4;

/** The files of snapshots, read on demand. */
export class SnapshotTree {
  readonly #repository: Repository;
  readonly #index: BlobIndex;
  readonly #signal: AbortSignal;
  readonly #onProblem: ((path: string, error: unknown) => void) | undefined;

  /** With `onProblem`, folders that cannot be read are told there and left out of walks. */
  constructor(
    repository: Repository,
    index: BlobIndex,
    options: { readonly signal: AbortSignal; readonly onProblem?: (path: string, error: unknown) => void },
  ) {
    this.#repository = repository;
    this.#index = index;
    this.#signal = options.signal;
    this.#onProblem = options.onProblem;
  }

  /** Everything below a folder, each folder before its contents. */
  async *walk(
    tree: BlobId,
    parent: readonly Uint8Array[],
    enter: (entry: TreeEntry) => boolean = () => true,
  ): AsyncGenerator<TreeEntry, void, undefined> {
    const onProblem = this.#onProblem;
    const entries = walkTree(this.#repository, this.#index, tree, {
      signal: this.#signal,
      enter: ({ path, node }) => enter({ path: [...parent, ...path], node }),
      ...(onProblem === undefined
        ? {}
        : { onProblem: (path, error) => onProblem(printPath([...parent, ...path]), error) }),
    });
    for await (const { path, node } of entries) yield { path: [...parent, ...path], node };
  }

  /** The entries of one folder. Names that no file system allows are kept, so that they can be shown. */
  readFolder(tree: BlobId): Promise<Node[]> {
    return readTree(this.#repository, this.#index, tree, { signal: this.#signal, hostile: 'keep' });
  }

  /** The bytes of a file, blob by blob. Throws `BLOB_MISSING` or `BLOB_CORRUPT`. */
  content(node: FileNode): AsyncGenerator<Uint8Array, void, undefined> {
    return orderedPrefetch(node.content, READ_AHEAD, (id) =>
      readBlob(this.#repository, this.#index, 'data', id, { signal: this.#signal }),
    );
  }

  /**
   * What `path` names in a snapshot. A path without a leading slash is looked up below the snapshot's own
   * path if it is not there from the root. Throws `PATH_NOT_FOUND`.
   */
  async find(snapshot: Snapshot, path: string): Promise<TreePlace> {
    const parts = splitPath(path);
    try {
      return await this.#place(snapshot.tree, parts);
    } catch (error) {
      const [only, ...others] = snapshot.paths;
      const isRelative = !path.startsWith('/') && only !== undefined && others.length === 0;
      if (!hasCode(error, 'PATH_NOT_FOUND')) throw error;
      const relative = isRelative ? await this.#placeIfThere(snapshot.tree, [...splitPath(only), ...parts]) : undefined;
      if (relative !== undefined) return relative;
      throw new CairnError('PATH_NOT_FOUND', error.message, {
        hint: `This backup holds ${snapshot.paths.join(', ') || 'nothing'}; \`cairn ls REF\` shows all of it.`,
        facts: { path },
      });
    }
  }

  /**
   * Finds the only path of a snapshot. On the way down every folder must hold that one entry and no other:
   * otherwise a folder that happens to have the same name could pass for all of the backup.
   */
  async findOwnPath(snapshot: Snapshot, ownPath: string): Promise<OwnPath> {
    const path = splitPath(ownPath);
    let tree: BlobId = snapshot.tree;
    for (const [depth, name] of path.entries()) {
      const [node, ...others] = await this.readFolder(tree);
      const isOnly = node !== undefined && others.length === 0;
      if (!isOnly || !equalBytes(node.name, name)) {
        const isNamed = depth === 0 && isOnly && equalBytes(node.name, path.at(-1) ?? name);
        return { kind: isNamed ? 'named' : 'contents' };
      }
      if (depth === path.length - 1) return { kind: 'absolute', path, node };
      if (node.type !== 'dir') return { kind: 'contents' };
      tree = node.subtree;
    }
    return { kind: 'contents' };
  }

  async #placeIfThere(root: BlobId, parts: readonly Uint8Array[]): Promise<TreePlace | undefined> {
    try {
      return await this.#place(root, parts);
    } catch (error) {
      if (hasCode(error, 'PATH_NOT_FOUND')) return undefined;
      throw error;
    }
  }

  async #place(root: BlobId, parts: readonly Uint8Array[]): Promise<TreePlace> {
    if (parts.length === 0) return { kind: 'root', path: [], tree: root };
    const node = await findNode(this.#repository, this.#index, root, parts, { signal: this.#signal });
    return { kind: 'entry', path: parts, node };
  }
}
