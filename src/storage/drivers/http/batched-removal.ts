import { checkObjectName } from '../../object-name.ts';
import { removeEach } from '../../remove-each.ts';
import type { ObjectName, Storage, StorageOptions } from '../../storage.ts';

/** Removes so many objects with one request; false where the server does not know such requests. */
export type RemoveBatch = (names: readonly ObjectName[], signal: AbortSignal | undefined) => Promise<boolean>;

/** `removeMany` of a storage whose server may know batches of removals: once it does not, objects are removed one by one. */
export class BatchedRemoval {
  readonly #storage: Pick<Storage, 'remove' | 'features'>;
  readonly #most: number;
  readonly #removeBatch: RemoveBatch;
  #isKnown = true;

  constructor(storage: Pick<Storage, 'remove' | 'features'>, most: number, removeBatch: RemoveBatch) {
    this.#storage = storage;
    this.#most = most;
    this.#removeBatch = removeBatch;
  }

  async remove(names: readonly ObjectName[], options: StorageOptions): Promise<void> {
    const { signal } = options;
    for (const name of names) checkObjectName(name);
    for (let at = 0; at < names.length; at += this.#most) {
      signal?.throwIfAborted();
      const batch = names.slice(at, at + this.#most);
      if (this.#isKnown && batch.length > 1) this.#isKnown = await this.#removeBatch(batch, signal);
      if (!this.#isKnown || batch.length === 1) await removeEach(this.#storage, batch, options);
    }
  }
}
