import { CairnError } from '../../src/base/errors.ts';
import { StorageLayer } from '../../src/storage/layers/storage-layer.ts';
import type { ReadOptions, Storage } from '../../src/storage/storage.ts';

/**
 * A storage on a disk that cannot read the byte at `position` of one of its objects, or nothing of it, as the local driver
 * tells of it.
 */
export function badSector(inner: Storage, name: string, position?: number): Storage {
  return new BadSector(inner, name, position);
}

class BadSector extends StorageLayer {
  readonly #name: string;
  readonly #position: number | undefined;

  constructor(inner: Storage, name: string, position: number | undefined) {
    super(inner);
    this.#name = name;
    this.#position = position;
  }

  override read(name: string, options: ReadOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
    const { offset = 0, length = Infinity } = options;
    const at = this.#position ?? offset;
    if (name !== this.#name || at < offset || at >= offset + length) return this.inner.read(name, options);
    const message = `cannot read ${name}: the device reports an input/output error (EIO)`;
    return Promise.reject(
      new CairnError('STORAGE_IO', message, { retry: 'later', facts: { path: name, system: 'EIO' } }),
    );
  }
}
