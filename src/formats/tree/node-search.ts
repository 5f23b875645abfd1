import { bytesKey, bytesOf } from '../../base/bytes.ts';
import { quoteJsonString } from '../go-json.ts';
import { quoteName } from '../go-quote.ts';

const HEAD = '{"nodes":[';
const TAIL = ']}\n';
const NEXT_NODE = '},{"name":"';
const TYPE = '","type":"';
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** Characters that stand for themselves in the JSON of a name. */
const PLAIN = /^[ !#-%'-;=?-[\]-~]*$/;
/** No string may be much larger. */
const MAX_TREE_BYTES = 256 * 1024 * 1024;

/** Where nodes lie in the JSON of a tree, without the comma before and behind them. */
export interface NodeSpan {
  readonly start: number;
  readonly end: number;
}

/**
 * Finds nodes in a tree in canonical form by searching instead of parsing. Names are keys (`bytesKey`), and are asked for in
 * ascending order, so that the whole tree is searched once.
 */
export class NodeSearch {
  /** The JSON, one character for each byte. */
  readonly #json: string;
  #at: number = HEAD.length;

  private constructor(json: string) {
    this.#json = json;
  }

  /** `undefined` where the tree does not look canonical. */
  static over(tree: Uint8Array): NodeSearch | undefined {
    if (tree.length > MAX_TREE_BYTES) return undefined;
    const json = bytesKey(tree);
    return json.startsWith(HEAD) && json.endsWith(TAIL) ? new NodeSearch(json) : undefined;
  }

  /** Where all nodes lie. */
  get all(): NodeSpan {
    return { start: HEAD.length, end: this.#json.length - TAIL.length };
  }

  /** The nodes from one name to another. `undefined` if either name is not there, behind those found before. */
  find(first: string, last: string): NodeSpan | undefined {
    const start = this.#json.indexOf(beginning(first), this.#at);
    if (start < 0) return undefined;
    const lastStart = this.#json.indexOf(beginning(last), start);
    if (lastStart < 0) return undefined;
    const end = this.#nodeEnd(lastStart);
    this.#at = end;
    return { start, end };
  }

  #nodeEnd(start: number): number {
    let at = this.#json.indexOf(NEXT_NODE, start);
    while (at >= 0 && !this.#isNode(at + NEXT_NODE.length)) at = this.#json.indexOf(NEXT_NODE, at + 1);
    return at < 0 ? this.all.end : at + 1;
  }

  /** Whether a type follows the name that begins at `at`: an extended attribute is an object with a name too. */
  #isNode(at: number): boolean {
    const json = this.#json;
    let end = at;
    while (end < json.length && json.charCodeAt(end) !== QUOTE) end += json.charCodeAt(end) === BACKSLASH ? 2 : 1;
    return json.startsWith(TYPE, end);
  }
}

/** Nothing else begins like that: quotes are escaped inside strings, and attributes have a value, not a type. */
function beginning(key: string): string {
  if (PLAIN.test(key)) return `{"name":"${key}","type":"`;
  return `{"name":${Buffer.from(quoteJsonString(quoteName(bytesOf(key)))).toString('latin1')},"type":"`;
}
