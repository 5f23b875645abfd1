// Reads trees of any writer and age: keys in any order, `"nodes":null`, unknown keys, unquoted names.
import { CairnError, hasCode, messageOf } from '../../base/errors.ts';
import { JsonReader } from '../json-reader.ts';
import { NodeDecoder } from './node-decoder.ts';
import { hostileName, isHostileName } from './node-name.ts';
import type { Node } from './node.ts';

export interface DecodeTreeOptions {
  /** `keep` also returns nodes whose names no file system allows, for showing and repairing. Default `reject`. */
  readonly hostile?: 'reject' | 'keep';
}

export interface DecodedTree {
  readonly nodes: Node[];
  /** Whether the tree holds something that `nodes` does not carry, so that writing them again would lose it. */
  readonly hasUnknownFields: boolean;
}

/**
 * The nodes of a tree, in the order they are stored, which old writers did not always sort. Throws
 * `TREE_CORRUPT`; `NAME_HOSTILE` for a name that is empty, `.`, `..` or holds a slash or NUL.
 */
export function decodeTree(bytes: Uint8Array, options: DecodeTreeOptions = {}): Node[] {
  return decodeTreeFully(bytes, options).nodes;
}

/** Like `decodeTree`, and tells whether the nodes are all there is; whoever rewrites a tree must ask. */
export function decodeTreeFully(bytes: Uint8Array, options: DecodeTreeOptions = {}): DecodedTree {
  try {
    return readTree(new JsonReader(bytes), options.hostile !== 'keep');
  } catch (error) {
    if (!hasCode(error, 'FORMAT_INVALID')) throw error;
    throw new CairnError('TREE_CORRUPT', `the tree is damaged: ${messageOf(error)}`, { cause: error });
  }
}

function readTree(reader: JsonReader, rejectHostile: boolean): DecodedTree {
  const decoder = new NodeDecoder(reader);
  let nodes: Node[] | undefined;
  let hasUnknownKeys = false;
  reader.object((key) => {
    if (key !== 'nodes') {
      hasUnknownKeys = true;
      reader.skip();
      return;
    }
    if (nodes !== undefined) reader.fail('"nodes" comes twice');
    nodes = [];
    if (!reader.acceptNull()) readNodes(reader, decoder, nodes, rejectHostile);
  });
  reader.end();
  return {
    nodes: nodes ?? reader.fail('it has no "nodes"'),
    hasUnknownFields: hasUnknownKeys || decoder.hasUnknownFields,
  };
}

function readNodes(reader: JsonReader, decoder: NodeDecoder, nodes: Node[], rejectHostile: boolean): void {
  reader.array(() => {
    const node = decoder.next();
    if (rejectHostile && isHostileName(node.name)) throw hostileName(node.name);
    nodes.push(node);
  });
}
