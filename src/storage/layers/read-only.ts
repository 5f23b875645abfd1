import { CairnError } from '../../base/errors.ts';
import type { AbortStaleUploads, Storage, WrittenStream } from '../storage.ts';
import { StorageLayer } from './storage-layer.ts';

/** `inner` for reading: whatever would change it throws `STORAGE_READ_ONLY` and changes nothing. */
export function readOnly(inner: Storage): Storage {
  return new ReadOnlyLayer(inner);
}

class ReadOnlyLayer extends StorageLayer {
  override get abortStaleUploads(): AbortStaleUploads | undefined {
    return undefined;
  }

  override get others(): undefined {
    return undefined;
  }

  override async create(): Promise<void> {
    throw this.#refusal('create the storage');
  }

  override async write(name: string): Promise<void> {
    throw this.#refusal(`write ${name}`);
  }

  override async writeStream(name: string): Promise<WrittenStream> {
    throw this.#refusal(`write ${name}`);
  }

  override async remove(name: string): Promise<void> {
    throw this.#refusal(`remove ${name}`);
  }

  override async removeMany(names: readonly string[]): Promise<void> {
    throw this.#refusal(`remove ${names.length} objects`);
  }

  #refusal(what: string): CairnError {
    return new CairnError('STORAGE_READ_ONLY', `cannot ${what}: ${this.url} was opened for reading only`);
  }
}
