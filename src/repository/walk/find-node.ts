import { equalBytes, utf8Lossy } from '../../base/bytes.ts';
import { CairnError } from '../../base/errors.ts';
import type { BlobId } from '../../base/ids.ts';
import type { Node } from '../../formats/tree/node.ts';
import { readTree } from '../blob-reader.ts';
import type { BlobIndex } from '../index/blob-index.ts';
import type { Repository } from '../repository.ts';

/**
 * The node at `path`, reading only the trees on the way. Throws `PATH_NOT_FOUND`, naming the part that is
 * there, and what reading a tree throws. The root itself has no node, so `path` must not be empty.
 */
export async function findNode(
  repository: Repository,
  index: BlobIndex,
  root: BlobId,
  path: readonly Uint8Array[],
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<Node> {
  let tree = root;
  for (const [depth, name] of path.entries()) {
    const nodes = await readTree(repository, index, tree, options);
    const node = nodes.find((candidate) => equalBytes(candidate.name, name));
    if (node === undefined) throw notFound(path, depth, 'is not there');
    if (depth === path.length - 1) return node;
    if (node.type !== 'dir') throw notFound(path, depth, `is a ${node.type}, not a directory`);
    tree = node.subtree;
  }
  throw new CairnError('PATH_NOT_FOUND', 'an empty path names no file');
}

function notFound(path: readonly Uint8Array[], depth: number, why: string): CairnError {
  const shown = printPath(path.slice(0, depth + 1));
  return new CairnError('PATH_NOT_FOUND', `${shown} ${why} in this snapshot`, {
    hint: 'see what is there with `cairn ls`',
    facts: { path: printPath(path) },
  });
}

/** A path for people: absolute, with bytes that are not UTF-8 shown as U+FFFD. */
export function printPath(path: readonly Uint8Array[]): string {
  return `/${path.map(utf8Lossy).join('/')}`;
}
