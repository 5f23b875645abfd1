// Walks a tree without parsing its nodes, for change detection: most nodes of an unchanged directory are
// taken over as the bytes they are.
import { utf8 } from '../../base/bytes.ts';
import { hasCode } from '../../base/errors.ts';
import { JsonReader } from '../json-reader.ts';
import { hostileName, isHostileName, readName } from './node-name.ts';
import type { NodeType } from './node.ts';
import { nodeTypes } from './node.ts';

/** `name` and `type` of a node and the range `[start, end)` of its JSON object in the tree. */
export type VisitNode = (name: Uint8Array, type: NodeType, start: number, end: number) => void;

const PREFIX = utf8('{"nodes":[');
const SUFFIX = utf8(']}\n');
const NAME = utf8('{"name":');
const TYPE = utf8(',"type":');
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

const typesByText: ReadonlyMap<string, NodeType> = new Map(nodeTypes.map((type) => [type, type]));

/**
 * Visits the nodes in the order they are stored. Returns false as soon as the document turns out not to have
 * the layout that this format's writers give it; what was visited until then must be dropped, and
 * `decodeTree` used instead. Only the layout is checked, not the fields after `type`. Throws `NAME_HOSTILE`.
 */
export function scanTree(bytes: Uint8Array, visit: VisitNode): boolean {
  try {
    return scan(new JsonReader(bytes), visit);
  } catch (error) {
    if (hasCode(error, 'FORMAT_INVALID')) return false;
    throw error;
  }
}

function scan(reader: JsonReader, visit: VisitNode): boolean {
  const { bytes } = reader;
  if (!startsWith(bytes, 0, PREFIX)) return false;
  reader.at = PREFIX.length;
  while (bytes[reader.at] === OPEN_BRACE) {
    const start = reader.at;
    if (!startsWith(bytes, start, NAME)) return false;
    reader.at = start + NAME.length;
    reader.rawString();
    const name = readName(reader);
    if (!startsWith(bytes, reader.at, TYPE)) return false;
    reader.at += TYPE.length;
    const type = typesByText.get(reader.string());
    const end = endOfObject(bytes, reader.at);
    if (type === undefined || end < 0) return false;
    if (isHostileName(name)) throw hostileName(name);
    visit(name, type, start, end);
    reader.at = end;
    if (bytes[end] !== COMMA) break;
    reader.at++;
    // A comma promises one more node.
    if (bytes[reader.at] !== OPEN_BRACE) return false;
  }
  return startsWith(bytes, reader.at, SUFFIX) && reader.at + SUFFIX.length === bytes.length;
}

/** The offset after the brace that closes the object which `at` is in, or -1. */
function endOfObject(bytes: Uint8Array, start: number): number {
  let depth = 1;
  for (let at = start; at < bytes.length; at++) {
    const byte = bytes[at];
    if (byte === QUOTE) {
      at++;
      while (bytes[at] !== QUOTE) {
        if (at >= bytes.length) return -1;
        at += bytes[at] === BACKSLASH ? 2 : 1;
      }
    } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) depth++;
    else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
      depth--;
      if (depth === 0) return byte === CLOSE_BRACE ? at + 1 : -1;
    }
  }
  return -1;
}

function startsWith(bytes: Uint8Array, at: number, prefix: Uint8Array): boolean {
  for (let i = 0; i < prefix.length; i++) if (bytes[at + i] !== prefix[i]) return false;
  return true;
}
