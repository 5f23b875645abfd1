import type { BlobId } from '../../base/ids.ts';
import type { Node } from '../../formats/tree/node.ts';
import { readTree } from '../blob-reader.ts';
import type { BlobIndex } from '../index/blob-index.ts';
import type { Repository } from '../repository.ts';

/** One entry of a snapshot. */
export interface TreeEntry {
  /** Components from the root of the snapshot down, as raw bytes; the last is the node's name. */
  readonly path: readonly Uint8Array[];
  readonly node: Node;
}

export interface WalkOptions {
  readonly signal?: AbortSignal | undefined;
  /** Whether to go into a directory; into all of them by default. */
  readonly enter?: ((entry: TreeEntry) => boolean) | undefined;
  /** Given, a directory that cannot be read is told here and left out; otherwise it ends the walk. */
  readonly onProblem?: ((path: readonly Uint8Array[], error: unknown) => void) | undefined;
}

/**
 * Every entry below `root`, depth first, in the order of the trees: a directory comes before what is in it.
 * Throws `BLOB_MISSING`, `BLOB_CORRUPT`, `TREE_CORRUPT`, `NAME_HOSTILE` unless there is `onProblem`.
 */
export async function* walkTree(
  repository: Repository,
  index: BlobIndex,
  root: BlobId,
  options: WalkOptions = {},
): AsyncGenerator<TreeEntry, void, undefined> {
  const nodesAtRoot = await load(repository, index, root, [], options);
  const stack: { path: readonly Uint8Array[]; nodes: readonly Node[]; at: number }[] = [
    { path: [], nodes: nodesAtRoot, at: 0 },
  ];
  for (;;) {
    const top = stack.at(-1);
    if (top === undefined) return;
    const node = top.nodes[top.at++];
    if (node === undefined) {
      stack.pop();
      continue;
    }
    const entry: TreeEntry = { path: [...top.path, node.name], node };
    yield entry;
    if (node.type !== 'dir' || options.enter?.(entry) === false) continue;
    options.signal?.throwIfAborted();
    const nodes = await load(repository, index, node.subtree, entry.path, options);
    stack.push({ path: entry.path, nodes, at: 0 });
  }
}

async function load(
  repository: Repository,
  index: BlobIndex,
  tree: BlobId,
  path: readonly Uint8Array[],
  { signal, onProblem }: WalkOptions,
): Promise<readonly Node[]> {
  try {
    return await readTree(repository, index, tree, { signal });
  } catch (error) {
    signal?.throwIfAborted();
    if (onProblem === undefined) throw error;
    onProblem(path, error);
    return [];
  }
}
