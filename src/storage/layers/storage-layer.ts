import type {
  AbortStaleUploads,
  ColdStorage,
  ObjectInfo,
  ObjectName,
  OtherCopy,
  Presign,
  ReadOptions,
  Storage,
  StorageFeatures,
  StorageOptions,
  WriteOptions,
  WriteStreamOptions,
  WrittenStream,
  WrittenAt,
} from '../storage.ts';

/** A storage that passes everything on to another one: what layers start from. */
export class StorageLayer implements Storage {
  protected readonly inner: Storage;

  constructor(inner: Storage) {
    this.inner = inner;
  }

  get url(): string {
    return this.inner.url;
  }

  get features(): StorageFeatures {
    return this.inner.features;
  }

  get cold(): ColdStorage | undefined {
    return this.inner.cold;
  }

  get presign(): Presign | undefined {
    return this.inner.presign?.bind(this.inner);
  }

  get abortStaleUploads(): AbortStaleUploads | undefined {
    return this.inner.abortStaleUploads?.bind(this.inner);
  }

  get writtenAt(): WrittenAt | undefined {
    return this.inner.writtenAt?.bind(this.inner);
  }

  get others(): readonly OtherCopy[] | undefined {
    return this.inner.others;
  }

  create(options?: StorageOptions): Promise<void> {
    return this.inner.create(options);
  }

  list(prefix: string, options?: StorageOptions): AsyncIterable<ObjectInfo> {
    return this.inner.list(prefix, options);
  }

  stat(name: ObjectName, options?: StorageOptions): Promise<ObjectInfo | undefined> {
    return this.inner.stat(name, options);
  }

  read(name: ObjectName, options?: ReadOptions): Promise<Uint8Array<ArrayBuffer>> {
    return this.inner.read(name, options);
  }

  write(name: ObjectName, data: Uint8Array | readonly Uint8Array[], options?: WriteOptions): Promise<void> {
    return this.inner.write(name, data, options);
  }

  writeStream(
    name: ObjectName,
    chunks: AsyncIterable<Uint8Array>,
    options?: WriteStreamOptions,
  ): Promise<WrittenStream> {
    return this.inner.writeStream(name, chunks, options);
  }

  remove(name: ObjectName, options?: StorageOptions): Promise<void> {
    return this.inner.remove(name, options);
  }

  removeMany(names: readonly ObjectName[], options?: StorageOptions): Promise<void> {
    return this.inner.removeMany(names, options);
  }

  [Symbol.asyncDispose](): PromiseLike<void> {
    return this.inner[Symbol.asyncDispose]();
  }
}
