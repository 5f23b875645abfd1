import { isCairnError } from '../base/errors.ts';
import { FileType, StatField } from '../base/posix/posix.ts';
import type { FileNode, Node } from '../formats/tree/node.ts';
import { decodeTree } from '../formats/tree/tree-decoder.ts';
import { field, fileType } from './node-encoder.ts';

export interface ChangeRules {
  readonly ignoreInode: boolean;
  readonly ignoreCtime: boolean;
}

/** A directory as the parent snapshot has it, for change detection. */
export class ParentTree {
  readonly #nodes = new Map<string, Node>();

  /** A tree that cannot be read is an empty one: everything below counts as new. */
  constructor(json: Uint8Array | undefined) {
    if (json === undefined) return;
    try {
      for (const node of decodeTree(json)) this.#nodes.set(keyOf(node.name), node);
    } catch (error) {
      if (!isCairnError(error)) throw error;
    }
  }

  find(name: Uint8Array): Node | undefined {
    return this.#nodes.get(keyOf(name));
  }
}

/**
 * Whether a file is what the parent snapshot has, by restic's rule: same type, size, mtime, ctime and
 * inode, the last two of which can be ignored.
 */
export function isUnchanged(node: Node | undefined, stat: BigInt64Array, rules: ChangeRules): node is FileNode {
  return (
    node?.type === 'file' &&
    fileType(stat) === FileType.regular &&
    node.size === field(stat, StatField.sizeBytes) &&
    node.mtime.ns === field(stat, StatField.mtimeNs) &&
    (rules.ignoreCtime || node.ctime.ns === field(stat, StatField.ctimeNs)) &&
    (rules.ignoreInode || node.inode === BigInt.asUintN(64, field(stat, StatField.inode)))
  );
}

/** Names as map keys: one character per byte, so that no two names meet. */
function keyOf(name: Uint8Array): string {
  return Buffer.from(name.buffer, name.byteOffset, name.length).toString('latin1');
}
