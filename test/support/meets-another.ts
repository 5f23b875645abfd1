import { StorageLayer } from '../../src/storage/layers/storage-layer.ts';
import type { Storage, StorageFeatures, WriteOptions } from '../../src/storage/storage.ts';

/** Something happens between the look for other locks and the lock that is written then, once. */
export class MeetsAnother extends StorageLayer {
  other: (() => Promise<unknown>) | undefined;
  readonly #localPath: string | undefined;

  constructor(inner: Storage, other?: () => Promise<unknown>, localPath?: string) {
    super(inner);
    this.other = other;
    this.#localPath = localPath;
  }

  override get features(): StorageFeatures {
    return { ...this.inner.features, localPath: this.#localPath };
  }

  override async write(name: string, data: Uint8Array, options?: WriteOptions): Promise<void> {
    const { other } = this;
    this.other = undefined;
    await other?.();
    return this.inner.write(name, data, options);
  }
}
