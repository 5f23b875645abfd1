import { CairnError } from '../../src/base/errors.ts';
import { StorageLayer } from '../../src/storage/layers/storage-layer.ts';
import type { ReadOptions, Storage } from '../../src/storage/storage.ts';

/** A storage on a disk that cannot read one of its objects, as the local driver tells of it. */
export function badSector(inner: Storage, name: string): Storage {
  return new BadSector(inner, name);
}

class BadSector extends StorageLayer {
  readonly #name: string;

  constructor(inner: Storage, name: string) {
    super(inner);
    this.#name = name;
  }

  override read(name: string, options?: ReadOptions): Promise<Uint8Array<ArrayBuffer>> {
    if (name !== this.#name) return this.inner.read(name, options);
    const message = `cannot read ${name}: the device reports an input/output error (EIO)`;
    return Promise.reject(
      new CairnError('STORAGE_IO', message, { retry: 'later', facts: { path: name, system: 'EIO' } }),
    );
  }
}
