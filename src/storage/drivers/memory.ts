import { concatBytes } from '../../base/bytes.ts';
import { ChunkSource } from '../chunk-source.ts';
import { checkObjectName, checkPrefix } from '../object-name.ts';
import { exists, missing, partsOf, resolveRange } from '../object-range.ts';
import { removeEach } from '../remove-each.ts';
import type {
  ObjectInfo,
  ObjectName,
  ReadOptions,
  Storage,
  StorageFeatures,
  StorageOptions,
  WriteOptions,
  WriteStreamOptions,
  WrittenStream,
} from '../storage.ts';

/** Storage in the memory of this process: for tests and trials. Copies what it is given and what it gives. */
export function openMemoryStorage(name = ''): Storage {
  return new MemoryStorage(`memory:${name}`);
}

class MemoryStorage implements Storage {
  readonly url: string;
  readonly features: StorageFeatures = { atomicWrite: true, remote: false, connections: 8, localPath: undefined };
  readonly #objects = new Map<ObjectName, Uint8Array>();

  constructor(url: string) {
    this.url = url;
  }

  async create({ signal }: StorageOptions = {}): Promise<void> {
    signal?.throwIfAborted();
  }

  async *list(prefix: string, { signal }: StorageOptions = {}): AsyncGenerator<ObjectInfo> {
    checkPrefix(prefix);
    signal?.throwIfAborted();
    // A copy, because the caller may write or remove while it iterates.
    for (const [name, bytes] of Array.from(this.#objects)) {
      signal?.throwIfAborted();
      if (name.startsWith(prefix)) yield { name, sizeBytes: bytes.length };
    }
  }

  async stat(name: ObjectName, { signal }: StorageOptions = {}): Promise<ObjectInfo | undefined> {
    checkObjectName(name);
    signal?.throwIfAborted();
    const bytes = this.#objects.get(name);
    return bytes === undefined ? undefined : { name, sizeBytes: bytes.length };
  }

  async read(name: ObjectName, options: ReadOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
    checkObjectName(name);
    options.signal?.throwIfAborted();
    const bytes = this.#objects.get(name);
    if (bytes === undefined) throw missing(name);
    const { offset, length } = resolveRange(name, bytes.length, options);
    return new Uint8Array(bytes.subarray(offset, offset + length));
  }

  async write(name: ObjectName, data: Uint8Array | readonly Uint8Array[], options: WriteOptions = {}): Promise<void> {
    checkObjectName(name);
    options.signal?.throwIfAborted();
    if (options.ifAbsent === true && this.#objects.has(name)) throw exists(name);
    this.#objects.set(name, concatBytes(partsOf(data)));
  }

  async writeStream(
    name: ObjectName,
    chunks: AsyncIterable<Uint8Array>,
    options: WriteStreamOptions = {},
  ): Promise<WrittenStream> {
    checkObjectName(name);
    options.signal?.throwIfAborted();
    if (options.ifAbsent === true && this.#objects.has(name)) throw exists(name);
    const source = new ChunkSource(chunks, options.signal);
    const copies = await Array.fromAsync(source, (chunk) => new Uint8Array(chunk));
    await this.write(name, copies, options);
    return { sizeBytes: source.sizeBytes };
  }

  async remove(name: ObjectName, { signal }: StorageOptions = {}): Promise<void> {
    checkObjectName(name);
    signal?.throwIfAborted();
    this.#objects.delete(name);
  }

  removeMany(names: readonly ObjectName[], options?: StorageOptions): Promise<void> {
    return removeEach(this, names, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
