import { type BlobId, idFromBytes } from '../../base/ids.ts';
import { type CopyDamage, type UncopiedBlob, saysLost } from './copy-damage.ts';
import { NO_TREE } from './plan-copy.ts';
import type { SourceTrees } from './source-trees.ts';

/** Finds out which trees need a lost blob. Only asked when there is one, so it may read trees again. */
export class DamageTracer {
  readonly #trees: SourceTrees;
  readonly #damage: CopyDamage;
  /** Trees with nothing lost in or below them, so far as is known; a later loss begins anew. */
  readonly #whole = new Set<BlobId>();
  #knownLosses = 0;

  constructor(trees: SourceTrees, damage: CopyDamage) {
    this.#trees = trees;
    this.#damage = damage;
  }

  /** A lost blob in or below this tree, if there is one. */
  async find(tree: BlobId, signal: AbortSignal | undefined): Promise<UncopiedBlob | undefined> {
    if (this.#damage.size !== this.#knownLosses) this.#whole.clear();
    this.#knownLosses = this.#damage.size;
    return this.#damage.size === 0 || NO_TREE.test(tree) ? undefined : await this.#find(tree, signal);
  }

  async #find(tree: BlobId, signal: AbortSignal | undefined): Promise<UncopiedBlob | undefined> {
    if (this.#whole.has(tree)) return undefined;
    signal?.throwIfAborted();
    const lost = this.#damage.find('tree', tree);
    if (lost !== undefined) return lost;
    const subtrees: BlobId[] = [];
    let found: UncopiedBlob | undefined;
    const visitor = {
      data: (id: Uint8Array): void => void (found ??= this.#damage.find('data', idFromBytes<BlobId>(id))),
      tree: (id: Uint8Array): void => void subtrees.push(idFromBytes<BlobId>(id)),
    };
    try {
      await this.#trees.visit(tree, visitor, signal);
    } catch (error) {
      if (!saysLost(error)) throw error;
      // It was whole when it was planned, and what it refers to is copied; but it cannot be said what that is.
      this.#damage.add('tree', tree, error);
      return this.#damage.find('tree', tree);
    }
    for (const subtree of subtrees) found ??= await this.#find(subtree, signal);
    if (found === undefined) this.#whole.add(tree);
    return found;
  }
}
