import { bytesKey } from '../base/bytes.ts';
import { isCairnError } from '../base/errors.ts';
import type { Node } from '../formats/tree/node.ts';
import { decodeTree } from '../formats/tree/tree-decoder.ts';
import { assembleTree } from '../formats/tree/tree-encoder.ts';
import { scanTree } from '../formats/tree/tree-scanner.ts';

/**
 * A directory as the parent snapshot has it, for change detection. Its nodes stay bytes: most of them
 * are taken over as they are.
 */
export class ParentNodes {
  readonly #json: Uint8Array;
  /** Start and end of each node in the tree's JSON, one after the other. */
  readonly #ranges: number[] = [];
  readonly #positions = new Map<string, number>();
  /** Nodes of a tree that another program laid out otherwise. */
  readonly #decoded = new Map<string, Node>();

  /** A tree that cannot be read is an empty one: everything below counts as new. */
  constructor(json: Uint8Array | undefined) {
    this.#json = json ?? new Uint8Array(0);
    if (json === undefined) return;
    try {
      const isCanonical = scanTree(json, (name, _type, start, end) => {
        this.#positions.set(bytesKey(name), this.#ranges.length);
        this.#ranges.push(start, end);
      });
      if (!isCanonical) this.#decodeAll(json);
    } catch (error) {
      if (!isCairnError(error)) throw error;
      this.#positions.clear();
    }
  }

  has(name: Uint8Array): boolean {
    if (this.#positions.size + this.#decoded.size === 0) return false;
    const key = bytesKey(name);
    return this.#positions.has(key) || this.#decoded.has(key);
  }

  /** The node's JSON, or `undefined` if there is none or the tree is not in canonical form. */
  json(name: Uint8Array): Uint8Array | undefined {
    const at = this.#positions.get(bytesKey(name));
    return at === undefined ? undefined : this.#json.subarray(this.#ranges[at], this.#ranges[at + 1]);
  }

  /** The node decoded. */
  node(name: Uint8Array): Node | undefined {
    const json = this.json(name);
    if (json === undefined) return this.#decoded.get(bytesKey(name));
    try {
      return decodeTree(assembleTree([json]))[0];
    } catch (error) {
      if (!isCairnError(error)) throw error;
      return undefined;
    }
  }

  #decodeAll(json: Uint8Array): void {
    this.#positions.clear();
    for (const node of decodeTree(json)) this.#decoded.set(bytesKey(node.name), node);
  }
}

/** Names as map keys: one character per byte, so that no two names meet. */
