import { bytesKey } from '../base/bytes.ts';
import { findNodeSpan } from '../formats/tree/node-span.ts';
import type { LeafNames } from './leaf-runs.ts';

/**
 * The runs of leaves of one directory that the last backup saw, with its tree of that time. A run with the same digest
 * has the same nodes, and they lie side by side in the tree: consecutive leaves then are consecutive now.
 */
export class KnownRuns {
  readonly #digests: ReadonlySet<string>;
  readonly #tree: Uint8Array | undefined;
  /** Runs are asked for in the order of their names, so that the whole tree is searched once. */
  #searched = 0;

  constructor(digests: readonly Uint8Array[], tree: Uint8Array | undefined) {
    this.#digests = new Set(digests.map(bytesKey));
    this.#tree = tree;
  }

  /** The JSON of the nodes of a run, or `undefined` where it is not known. Call it with ascending runs. */
  nodes({ names }: LeafNames, digest: Uint8Array | undefined): Uint8Array | undefined {
    if (this.#tree === undefined || digest === undefined || !this.#digests.has(bytesKey(digest))) return undefined;
    const first = names.subarray(0, names.indexOf(0));
    const last = names.subarray(names.lastIndexOf(0, -2) + 1, -1);
    // A socket has no node: a run that begins or ends with one is not found, and looked at again.
    const span = findNodeSpan(this.#tree, first, last, this.#searched);
    if (span === undefined) return undefined;
    this.#searched = span.end;
    return this.#tree.subarray(span.start, span.end);
  }
}
