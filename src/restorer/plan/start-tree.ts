import { equalBytes, utf8Lossy } from '../../base/bytes.ts';
import { CairnError } from '../../base/errors.ts';
import type { BlobId } from '../../base/ids.ts';
import { isHostileName } from '../../formats/tree/node-name.ts';
import type { Node } from '../../formats/tree/node.ts';
import { readTree } from '../../repository/blob-reader.ts';
import type { BlobIndex } from '../../repository/index/blob-index.ts';
import type { Repository } from '../../repository/repository.ts';
import { RecordWriter } from '../worker/record-writer.ts';

/** Where a restore begins: the snapshot's root tree, a directory in it, or one other entry. */
export type RestoreStart =
  | { readonly kind: 'root'; readonly tree: BlobId }
  | { readonly kind: 'directory'; readonly tree: BlobId; record(index: BlobIndex): Uint8Array }
  | { readonly kind: 'entry'; record(index: BlobIndex): Uint8Array };

/** Follows a path inside a snapshot. Throws `PATH_NOT_FOUND`, and what reading trees throws. */
export async function findStart(
  repository: Repository,
  index: BlobIndex,
  tree: BlobId,
  path: readonly Uint8Array[],
  signal: AbortSignal,
): Promise<RestoreStart> {
  let at = tree;
  for (const [depth, name] of path.entries()) {
    const nodes = await readTree(repository, index, at, { signal, hostile: 'keep' });
    const node = nodes.find((each) => equalBytes(each.name, name));
    if (node === undefined || isHostileName(name)) throw notFound(path);
    const record = (index: BlobIndex): Uint8Array => recordOf(index, node);
    if (node.type !== 'dir') {
      if (depth < path.length - 1) throw notFound(path);
      return { kind: 'entry', record };
    }
    if (depth === path.length - 1) return { kind: 'directory', tree: node.subtree, record };
    at = node.subtree;
  }
  return { kind: 'root', tree };
}

function recordOf(index: BlobIndex, node: Node): Uint8Array {
  const writer = new RecordWriter(index);
  writer.add(node);
  return new Uint8Array(writer.take());
}

function notFound(path: readonly Uint8Array[]): CairnError {
  const shown = `/${path.map(utf8Lossy).join('/')}`;
  return new CairnError('PATH_NOT_FOUND', `the snapshot has no ${shown}`, {
    hint: 'list its content with `cairn ls`',
    facts: { path: shown },
  });
}
