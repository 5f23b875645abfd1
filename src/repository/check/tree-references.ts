// The blobs a tree refers to, found without making objects of its nodes: a check of a big repository goes
// over many gigabytes of trees and needs nothing else of them.
import { asBuffer, utf8 } from '../../base/bytes.ts';
import { ID_SIZE } from '../../base/ids.ts';
import { scanTree } from '../../formats/tree/tree-scanner.ts';

export interface ReferenceVisitor {
  /** A data blob of a file. `id` has 32 bytes and is borrowed: valid only during the call. */
  data(id: Uint8Array, name: Uint8Array): void;
  /** The tree of a directory. */
  tree(id: Uint8Array, name: Uint8Array): void;
}

const CONTENT = asBuffer(utf8('"content":['));
const SUBTREE = asBuffer(utf8('"subtree":"'));
// The one field whose value is any JSON, which might have such keys of its own.
const GENERIC_ATTRIBUTES = asBuffer(utf8('"generic_attributes":'));

const QUOTE = 0x22;
const COMMA = 0x2c;
const CLOSE_BRACKET = 0x5d;

const hexValues = new Int8Array(256).fill(-1);
for (let value = 0; value < 16; value++) hexValues[value.toString(16).charCodeAt(0)] = value;

/**
 * Visits what a tree refers to. Returns false, perhaps after some visits, if the tree is not written as this
 * format's writers do; decode it then. Throws `NAME_HOSTILE`.
 *
 * Searching for keys as text is safe: inside of a JSON string a quote always has a backslash before it, so
 * `"content":[` stands in a node only as a key.
 */
export function visitReferences(bytes: Uint8Array, visitor: ReferenceVisitor): boolean {
  const buffer = asBuffer(bytes);
  if (buffer.includes(GENERIC_ATTRIBUTES)) return false;
  let isUsual = true;
  const isCanonical = scanTree(bytes, (name, type, start, end) => {
    if (!isUsual) return;
    if (type === 'file') isUsual = visitContent(buffer, start, end, name, visitor);
    else if (type === 'dir') isUsual = visitSubtree(buffer, start, end, name, visitor);
  });
  return isCanonical && isUsual;
}

const id = new Uint8Array(ID_SIZE);

function visitContent(
  buffer: Buffer,
  start: number,
  end: number,
  name: Uint8Array,
  visitor: ReferenceVisitor,
): boolean {
  const key = buffer.indexOf(CONTENT, start);
  if (key < 0 || key >= end) return false;
  let at = key + CONTENT.length;
  if (buffer[at] === CLOSE_BRACKET) return true;
  for (;;) {
    if (buffer[at] !== QUOTE || !readId(buffer, at + 1)) return false;
    visitor.data(id, name);
    at += 2 + 2 * ID_SIZE;
    const next = buffer[at++];
    if (next === CLOSE_BRACKET) return at < end;
    if (next !== COMMA) return false;
  }
}

function visitSubtree(
  buffer: Buffer,
  start: number,
  end: number,
  name: Uint8Array,
  visitor: ReferenceVisitor,
): boolean {
  const key = buffer.indexOf(SUBTREE, start);
  if (key < 0 || key >= end || !readId(buffer, key + SUBTREE.length)) return false;
  visitor.tree(id, name);
  return true;
}

/** Reads 64 hex digits and the quote behind them into `id`. */
function readId(buffer: Buffer, start: number): boolean {
  for (let i = 0; i < ID_SIZE; i++) {
    const high = hexValues[buffer[start + 2 * i] ?? 0] ?? -1;
    const low = hexValues[buffer[start + 2 * i + 1] ?? 0] ?? -1;
    if (high < 0 || low < 0) return false;
    id[i] = high * 16 + low;
  }
  return buffer[start + 2 * ID_SIZE] === QUOTE;
}
