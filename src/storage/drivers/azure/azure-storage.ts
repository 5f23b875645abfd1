import { Readable } from 'node:stream';
import type { BlockBlobClient, ContainerClient } from '@azure/storage-blob';
import { checkObjectName, checkPrefix, isObjectName } from '../../object-name.ts';
import { exists, partsOf, resolveRange, sizeOf, sliceParts, truncated } from '../../object-range.ts';
import { removeEach } from '../../remove-each.ts';
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
} from '../../storage.ts';
import { HTTP_CONNECTIONS } from '../http/http-connections.ts';
import { loadAzurePackage, openContainer } from './azure-account.ts';
import { azureAnswer, translateAzureError } from './azure-errors.ts';
import type { AzureLocation } from './azure-location.ts';
import { AzurePatience, type AzureRequest } from './azure-patience.ts';
import { writeAzureStream } from './azure-stream.ts';

/** Bytes handed to the package at once: each is a step of progress. */
const SEND_AT_ONCE = 256 * 1024;

export interface AzureStorageOptions {
  /** How long a request may stand still; five minutes by default. */
  readonly stallMs?: number | undefined;
}

/** Storage in a container of Azure Blob Storage. Throws `NOT_SUPPORTED` where `@azure/storage-blob` is not installed. */
export async function openAzureStorage(
  location: AzureLocation,
  env: Readonly<Record<string, string | undefined>> = process.env,
  options: AzureStorageOptions = {},
): Promise<Storage> {
  return new AzureStorage(location, openContainer(await loadAzurePackage(), location.container, env), options);
}

class AzureStorage implements Storage {
  readonly url: string;
  readonly features: StorageFeatures = {
    atomicWrite: true,
    remote: true,
    connections: HTTP_CONNECTIONS,
    localPath: undefined,
  };
  readonly #container: ContainerClient;
  /** Before each name: the prefix and a slash, or nothing. */
  readonly #before: string;
  readonly #stallMs: number | undefined;

  constructor({ container, prefix }: AzureLocation, client: ContainerClient, { stallMs }: AzureStorageOptions) {
    this.url = `azure:${container}:/${prefix}`;
    this.#container = client;
    this.#stallMs = stallMs;
    this.#before = prefix === '' ? '' : `${prefix}/`;
  }

  async create({ signal }: StorageOptions = {}): Promise<void> {
    await this.#run('make the container of', '', signal, async (abort) => {
      // Asked first: a signature (SAS) for one container may not make any.
      if (!(await this.#container.exists(abort))) await this.#container.createIfNotExists(abort);
    });
  }

  async *list(prefix: string, { signal }: StorageOptions = {}): AsyncGenerator<ObjectInfo> {
    checkPrefix(prefix);
    signal?.throwIfAborted();
    const before = this.#before;
    const patience = new AzurePatience(signal, this.#stallMs);
    const { abortSignal } = patience.request;
    const blobs = this.#container.listBlobsFlat({ prefix: before + prefix, abortSignal });
    try {
      for (;;) {
        // Whoever reads the listing may take its time between two of them.
        const step = await patience.watch(() => blobs.next());
        if (step.done === true) return;
        const name = step.value.name.slice(before.length);
        if (isObjectName(name)) yield { name, sizeBytes: step.value.properties.contentLength ?? 0 };
      }
    } catch (error) {
      signal?.throwIfAborted();
      throw translateAzureError(error, 'list', prefix, this.#container.containerName);
    }
  }

  async stat(name: ObjectName, { signal }: StorageOptions = {}): Promise<ObjectInfo | undefined> {
    checkObjectName(name);
    return this.#run('look at', name, signal, async (abort) => {
      try {
        const { contentLength = 0 } = await this.#blob(name).getProperties(abort);
        return { name, sizeBytes: contentLength };
      } catch (error) {
        // Also where there is no container yet: `create` makes it.
        if (azureAnswer(error)?.status === 404) return undefined;
        throw error;
      }
    });
  }

  async writtenAt(name: ObjectName, { signal }: StorageOptions = {}): Promise<number | undefined> {
    checkObjectName(name);
    return this.#run('look at', name, signal, async (abort) => {
      try {
        return (await this.#blob(name).getProperties(abort)).lastModified?.getTime();
      } catch (error) {
        if (azureAnswer(error)?.status === 404) return undefined;
        throw error;
      }
    });
  }

  async read(name: ObjectName, options: ReadOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
    checkObjectName(name);
    return this.#run('read', name, options.signal, async (abort) => {
      const { offset = 0, length } = options;
      const isPlain = offset >= 0 && (length === undefined || length > 0);
      if (!isPlain) return this.#readNothing(name, options, abort);
      try {
        return await this.#download(name, offset, length, abort);
      } catch (error) {
        // Azure has no empty ranges, and says so of a range behind the end.
        if (azureAnswer(error)?.status !== 416) throw error;
        return this.#readNothing(name, options, abort);
      }
    });
  }

  async write(name: ObjectName, data: Uint8Array | readonly Uint8Array[], options: WriteOptions = {}): Promise<void> {
    checkObjectName(name);
    const parts = partsOf(data);
    await this.#run('write', name, options.signal, async (abort) => {
      await this.#blob(name).upload(() => Readable.from(slicesOf(parts), { objectMode: false }), sizeOf(parts), {
        ...abort,
        ...(options.ifAbsent === true && { conditions: { ifNoneMatch: '*' } }),
      });
    });
  }

  async writeStream(
    name: ObjectName,
    chunks: AsyncIterable<Uint8Array>,
    options: WriteStreamOptions = {},
  ): Promise<WrittenStream> {
    checkObjectName(name);
    const { ifAbsent, signal } = options;
    // Azure finds out at the end for certain; but hours may have passed by then.
    if (ifAbsent === true && (await this.stat(name, { signal })) !== undefined) throw exists(name);
    return writeAzureStream(this.#blob(name), chunks, {
      name,
      options,
      connections: Math.min(4, HTTP_CONNECTIONS),
      run: (stop, work) => this.#run('write', name, stop, work),
    });
  }

  async remove(name: ObjectName, { signal }: StorageOptions = {}): Promise<void> {
    checkObjectName(name);
    await this.#run('remove', name, signal, (abort) => this.#blob(name).deleteIfExists(abort));
  }

  removeMany(names: readonly ObjectName[], options?: StorageOptions): Promise<void> {
    return removeEach(this, names, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  #blob(name: ObjectName): BlockBlobClient {
    return this.#container.getBlockBlobClient(this.#before + name);
  }

  async #download(
    name: ObjectName,
    offset: number,
    length: number | undefined,
    abort: AzureRequest,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const answer = await this.#blob(name).download(offset, length, abort);
    const { contentLength = 0, readableStreamBody: body } = answer;
    // A range that is longer than the object is cut without a word.
    if (length !== undefined && contentLength !== length) {
      const sizeBytes = Number(answer.contentRange?.split('/')[1] ?? contentLength);
      throw truncated(name, sizeBytes, { offset, length });
    }
    const bytes = Buffer.allocUnsafeSlow(contentLength);
    let filled = 0;
    // Without an encoding, which nobody sets, a stream of Node gives buffers.
    for await (const chunk of (body ?? []) as AsyncIterable<Buffer>) {
      if (filled + chunk.length <= contentLength) bytes.set(chunk, filled);
      filled += chunk.length;
    }
    if (filled !== contentLength) throw truncated(name, filled, { offset, length: contentLength });
    return bytes;
  }

  /** The empty result of a range inside the object, or the error of one outside. */
  async #readNothing(name: ObjectName, options: ReadOptions, abort: AzureRequest): Promise<Uint8Array<ArrayBuffer>> {
    const { contentLength = 0 } = await this.#blob(name).getProperties(abort);
    const range = resolveRange(name, contentLength, options);
    if (range.length > 0) throw truncated(name, contentLength, range);
    return new Uint8Array();
  }

  async #run<T>(
    action: string,
    name: string,
    signal: AbortSignal | undefined,
    work: (abort: AzureRequest) => Promise<T>,
  ): Promise<T> {
    signal?.throwIfAborted();
    try {
      return await new AzurePatience(signal, this.#stallMs).watch(work);
    } catch (error) {
      // The package throws an error of its own for an abort; the caller's reason is wanted.
      signal?.throwIfAborted();
      throw translateAzureError(error, action, name, this.#container.containerName);
    }
  }
}

function* slicesOf(parts: readonly Uint8Array[]): Generator<Uint8Array> {
  for (const group of sliceParts(parts, SEND_AT_ONCE)) yield* group;
}
