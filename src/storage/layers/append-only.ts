import { CairnError, hasCode } from '../../base/errors.ts';
import type {
  AbortStaleUploads,
  ObjectName,
  OtherCopy,
  Storage,
  StorageOptions,
  WriteOptions,
  WriteStreamOptions,
  WrittenStream,
} from '../storage.ts';
import { StorageLayer } from './storage-layer.ts';

export interface AppendOnlyOptions {
  /** Objects that may be replaced and removed all the same, such as locks. None by default. */
  readonly mayChange?: (name: ObjectName) => boolean;
}

/**
 * `inner` for adding: what is there stays as it is. Replacing and removing throw `STORAGE_APPEND_ONLY` and change
 * nothing. It protects from faults of one's own programs; against somebody who has the storage's password only the
 * storage itself can (`--append-only` of a REST server, object lock of S3).
 */
export function appendOnly(inner: Storage, options: AppendOnlyOptions = {}): Storage {
  return new AppendOnlyLayer(inner, options.mayChange ?? (() => false));
}

class AppendOnlyLayer extends StorageLayer {
  readonly #mayChange: (name: ObjectName) => boolean;

  constructor(inner: Storage, mayChange: (name: ObjectName) => boolean) {
    super(inner);
    this.#mayChange = mayChange;
  }

  override get abortStaleUploads(): AbortStaleUploads | undefined {
    return undefined;
  }

  override get others(): readonly OtherCopy[] | undefined {
    return this.inner.others?.map((copy) => ({ ...copy, storage: new AppendOnlyLayer(copy.storage, this.#mayChange) }));
  }

  override async write(
    name: ObjectName,
    data: Uint8Array | readonly Uint8Array[],
    options: WriteOptions = {},
  ): Promise<void> {
    await this.#add(name, options, (ifAbsent) => this.inner.write(name, data, { ...options, ifAbsent }));
  }

  override async writeStream(
    name: ObjectName,
    chunks: AsyncIterable<Uint8Array>,
    options: WriteStreamOptions = {},
  ): Promise<WrittenStream> {
    return this.#add(name, options, (ifAbsent) => this.inner.writeStream(name, chunks, { ...options, ifAbsent }));
  }

  override async remove(name: ObjectName, options?: StorageOptions): Promise<void> {
    if (!this.#mayChange(name)) throw this.#refusal(`remove ${name}`);
    await this.inner.remove(name, options);
  }

  override async removeMany(names: readonly ObjectName[], options?: StorageOptions): Promise<void> {
    const kept = names.find((name) => !this.#mayChange(name));
    if (kept !== undefined) throw this.#refusal(`remove ${kept}`);
    await this.inner.removeMany(names, options);
  }

  async #add<T>(
    name: ObjectName,
    { ifAbsent = false }: WriteOptions,
    run: (ifAbsent: boolean) => Promise<T>,
  ): Promise<T> {
    if (this.#mayChange(name)) return run(ifAbsent);
    try {
      return await run(true);
    } catch (error) {
      if (ifAbsent || !hasCode(error, 'OBJECT_EXISTS')) throw error;
      throw this.#refusal(`replace ${name}`, error);
    }
  }

  #refusal(what: string, cause?: unknown): CairnError {
    return new CairnError('STORAGE_APPEND_ONLY', `cannot ${what}: ${this.url} was opened for adding only`, {
      hint: 'Run it without --append-only if data is to be removed. Nothing was changed.',
      ...(cause === undefined ? {} : { cause }),
    });
  }
}
