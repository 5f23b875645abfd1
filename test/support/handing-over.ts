import { CairnError } from '../../src/base/errors.ts';
import { StorageLayer } from '../../src/storage/layers/storage-layer.ts';
import type { ObjectName, ReadOptions, Storage, StorageFeatures } from '../../src/storage/storage.ts';

/** A storage that hands bytes over in small chunks, as one behind HTTP does. */
export class HandingOver extends StorageLayer {
  readonly #chunkBytes: number;
  /** The first read of each pack breaks off in the middle. */
  readonly #breaks: boolean;
  readonly #broken = new Set<ObjectName>();
  handedOver = 0;
  /** Of what was read, in order. */
  readonly names: ObjectName[] = [];

  constructor(inner: Storage, chunkBytes: number, breaks = false) {
    super(inner);
    this.#chunkBytes = chunkBytes;
    this.#breaks = breaks;
  }

  override get features(): StorageFeatures {
    return { ...this.inner.features, remote: true, handsOver: true };
  }

  override async read(name: ObjectName, options: ReadOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
    const { onBytes, offset = 0 } = options;
    this.names.push(name);
    const bytes = await this.inner.read(name, options);
    if (onBytes === undefined) return bytes;
    const breaks = this.#breaks && !this.#broken.has(name);
    this.#broken.add(name);
    for (let at = 0; at < bytes.length; at += this.#chunkBytes) {
      if (breaks && at > bytes.length / 2) throw new CairnError('STORAGE_UNREACHABLE', 'reset', { retry: 'later' });
      const chunk = bytes.slice(at, at + this.#chunkBytes);
      this.handedOver += chunk.length;
      await onBytes(chunk, offset + at);
      chunk.fill(0);
    }
    return new Uint8Array();
  }
}
