import { asBuffer } from '../../base/bytes.ts';
import { quoteJsonString } from '../go-json.ts';
import { quoteName } from '../go-quote.ts';

const HEAD = Buffer.from('{"nodes":[');
const TAIL = Buffer.from(']}\n');
const NEXT_NODE = Buffer.from('},{"name":"');
const TYPE = Buffer.from('","type":"');
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Where nodes lie in the JSON of a tree, without the comma before and behind them. */
export interface NodeSpan {
  readonly start: number;
  readonly end: number;
}

/**
 * Finds the nodes from one name to another in a tree in canonical form, by searching instead of parsing. `from` is where
 * to begin. `undefined` if either name is not there, or the tree does not look canonical.
 */
export function findNodeSpan(
  tree: Uint8Array,
  first: Uint8Array,
  last: Uint8Array,
  from: number,
): NodeSpan | undefined {
  const json = asBuffer(tree);
  if (!json.subarray(0, HEAD.length).equals(HEAD) || !json.subarray(-TAIL.length).equals(TAIL)) return undefined;
  const start = json.indexOf(beginning(first), from);
  if (start < 0) return undefined;
  const lastStart = json.indexOf(beginning(last), start);
  return lastStart < 0 ? undefined : { start, end: nodeEnd(json, lastStart) };
}

/** Where all nodes of a tree in canonical form lie. */
export function nodesOf(tree: Uint8Array): NodeSpan {
  return { start: HEAD.length, end: tree.length - TAIL.length };
}

/** Nothing else begins like that: quotes are escaped inside strings, and attributes have a value, not a type. */
function beginning(name: Uint8Array): Buffer {
  return Buffer.from(`{"name":${quoteJsonString(quoteName(name))},"type":"`);
}

function nodeEnd(json: Buffer, start: number): number {
  let at = json.indexOf(NEXT_NODE, start);
  while (at >= 0 && !isNode(json, at + NEXT_NODE.length)) at = json.indexOf(NEXT_NODE, at + 1);
  return at < 0 ? json.length - TAIL.length : at + 1;
}

/** Whether a type follows the name that begins at `at`: an extended attribute is an object with a name too. */
function isNode(json: Buffer, at: number): boolean {
  let end = at;
  while (end < json.length && json[end] !== QUOTE) end += json[end] === BACKSLASH ? 2 : 1;
  return json.subarray(end, end + TYPE.length).equals(TYPE);
}
