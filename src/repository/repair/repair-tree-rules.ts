import { isCairnError, messageOf } from '../../base/errors.ts';
import { idToBytes } from '../../base/ids.ts';
import type { FileNode, Node } from '../../formats/tree/node.ts';
import { blobSize } from '../blob-size.ts';
import { BLOB_DATA, type BlobIndex } from '../index/blob-index.ts';
import type { TreePath } from '../rewrite/tree-path.ts';
import type { TreeRules } from '../rewrite/tree-rewriter.ts';

/** What a repair of a backup had to do to one of its entries. */
export interface TreeProblem {
  readonly path: TreePath;
  readonly kind: 'content-missing' | 'size-wrong' | 'folder-unreadable' | 'type-unknown';
  readonly message: string;
}

/**
 * restic's rules of `repair snapshots`: a file loses the parts that are in no pack the index lists, a folder that cannot
 * be read becomes empty. What is lost is lost: a new backup of the source first may bring it back.
 */
export function repairRules(index: BlobIndex, onProblem: (problem: TreeProblem) => void): TreeRules {
  return {
    mayLoseFields: true,
    onUnreadable: (path, error) => {
      if (!isCairnError(error)) return false;
      onProblem({ path, kind: 'folder-unreadable', message: messageOf(error) });
      return true;
    },
    node: (node, path) => {
      if (node.type === 'irregular') {
        onProblem({ path, kind: 'type-unknown', message: 'an entry of no known type is left out' });
        return undefined;
      }
      return node.type === 'file' ? repairFile(index, node, path, onProblem) : node;
    },
  };
}

function repairFile(index: BlobIndex, node: FileNode, path: TreePath, onProblem: (problem: TreeProblem) => void): Node {
  let size = 0n;
  const content = node.content.filter((id) => {
    const record = index.find(BLOB_DATA, idToBytes(id));
    if (record >= 0) size += BigInt(blobSize(index.location(record)));
    return record >= 0;
  });
  const missing = node.content.length - content.length;
  if (missing === 0 && size === node.size) return node;
  if (missing > 0) {
    const message = `${missing} of its ${node.content.length} parts are missing and left out`;
    onProblem({ path, kind: 'content-missing', message });
  } else {
    onProblem({ path, kind: 'size-wrong', message: `its size is corrected from ${node.size} to ${size} bytes` });
  }
  return { ...node, content, size };
}
