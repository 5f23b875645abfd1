import { hasCode } from '../../../base/errors.ts';
import { checkObjectName, checkPrefix } from '../../object-name.ts';
import { exists, missing, partsOf, sizeOf, sliceParts } from '../../object-range.ts';
import { removeEach } from '../../remove-each.ts';
import type {
  AbortStaleUploads,
  ObjectInfo,
  ObjectName,
  ReadOptions,
  StaleUploadOptions,
  Storage,
  StorageFeatures,
  StorageOptions,
  WriteOptions,
  WriteStreamOptions,
  WrittenStream,
} from '../../storage.ts';
import { lastModifiedOf } from '../http/last-modified.ts';
import { BatchedRemoval } from '../http/batched-removal.ts';
import { type HttpClient, type HttpClientOptions, openHttpClient } from '../http/http-client.ts';
import type { HttpResponse } from '../http/http-exchange.ts';
import { announcedSize, type RangedSource, readRanged, type RequestOptions } from '../http/ranged-read.ts';
import { writePartStream } from '../part-stream.ts';
import { RenewedValue } from '../renewed-value.ts';
import type { Environment } from '../url-parameters.ts';
import { SwiftClient } from './swift-client.ts';
import { containerMissing } from './swift-errors.ts';
import { listSwift } from './swift-listing.ts';
import { describeSwiftLocation, parseSwiftLocation } from './swift-location.ts';
import { findSwiftLogin } from './swift-login.ts';
import { REMOVE_BATCH, removeKeys } from './swift-removal.ts';
import { lookAt, SegmentStore } from './swift-segments.ts';
import { askSwiftSession } from './swift-session.ts';
import { putSegmented, putWhole } from './swift-upload.ts';

const MIB = 1024 * 1024;

export interface SwiftStorageOptions extends Pick<HttpClientOptions, 'onRequest' | 'timeouts'> {
  readonly environment?: Environment;
  /** Larger objects are stored in segments of this size; 1 GiB by default. Swift takes none above 5 GiB whole. */
  readonly segmentBytes?: number;
  /** Size of the first segments of a stream; 8 MiB by default. Later ones are larger. */
  readonly streamPartBytes?: number;
  /** Segments of one manifest; 1,000 by default, or less where the server takes less. */
  readonly manifestSegments?: number;
  /** Longer ranges are read in pieces of this size, several at once; 64 MiB by default. */
  readonly pieceBytes?: number;
  readonly now?: () => Date;
}

/** A storage in Swift, with what not every storage has. */
export interface SwiftStorage extends Storage {
  readonly abortStaleUploads: AbortStaleUploads;
}

/**
 * Storage in a container of OpenStack Swift: `swift:CONTAINER:/PREFIX` or `swift://CONTAINER/PREFIX`, with the login of the
 * environment. Asks no server yet. Throws `STORAGE_URL_INVALID`, `CREDENTIALS_MISSING` or `CONFIG_INVALID`.
 */
export async function openSwiftStorage(url: string, options: SwiftStorageOptions = {}): Promise<SwiftStorage> {
  const { environment = process.env, now = () => new Date() } = options;
  const location = parseSwiftLocation(url, environment);
  const login = findSwiftLogin(environment);
  const http = await openHttpClient({
    env: environment,
    caFile: location.caFile,
    timeouts: options.timeouts,
    onRequest: options.onRequest,
  });
  const sessions = new RenewedValue(
    () => askSwiftSession(login, { http, now }),
    () => now().getTime(),
  );
  const client = new SwiftClient({ location, http, sessions, hasFixedToken: login.kind === 'token' });
  return new ContainerStorage(client, http, options);
}

class ContainerStorage implements SwiftStorage {
  readonly url: string;
  readonly features: StorageFeatures;
  readonly #client: SwiftClient;
  readonly #http: HttpClient;
  readonly #segments: SegmentStore;
  readonly #options: SwiftStorageOptions;
  readonly #removal: BatchedRemoval;
  /** The container has answered: an object that is not found is missing itself. */
  #isThere = false;

  constructor(client: SwiftClient, http: HttpClient, options: SwiftStorageOptions) {
    this.url = describeSwiftLocation(client.location);
    this.features = {
      atomicWrite: true,
      remote: true,
      connections: client.location.connections,
      localPath: undefined,
      removeBatch: REMOVE_BATCH,
      // Each server of an object looks for itself: two writers at the same instant may both find nothing.
      looseIfAbsent: true,
      paced: true,
      handsOver: true,
    };
    this.#client = client;
    this.#http = http;
    this.#removal = new BatchedRemoval(this, REMOVE_BATCH, (batch, signal) => {
      const keys = batch.map((name) => client.keyOf(name));
      return removeKeys(client, client.location.container, keys, signal);
    });
    this.#segments = new SegmentStore(client);
    this.#options = options;
  }

  /** Makes the container where it is not there. Whoever may not look at it may still be allowed to write. */
  async create({ signal }: StorageOptions = {}): Promise<void> {
    signal?.throwIfAborted();
    if ((await this.#lookAtContainer(signal)).status !== 404) return;
    const { container, policy } = this.#client.location;
    await this.#client.send({
      method: 'PUT',
      headers: policy === undefined ? {} : { 'x-storage-policy': policy },
      operation: 'PutContainer',
      action: `make the container ${container}`,
      signal,
    });
  }

  async *list(prefix: string, { signal }: StorageOptions = {}): AsyncGenerator<ObjectInfo> {
    checkPrefix(prefix);
    signal?.throwIfAborted();
    yield* listSwift(this.#client, prefix, signal);
  }

  async stat(name: ObjectName, { signal }: StorageOptions = {}): Promise<ObjectInfo | undefined> {
    checkObjectName(name);
    signal?.throwIfAborted();
    const response = await lookAt(this.#client, name, signal);
    return response.status === 404 ? undefined : { name, sizeBytes: announcedSize(name, response) };
  }

  async writtenAt(name: ObjectName, { signal }: StorageOptions = {}): Promise<number | undefined> {
    checkObjectName(name);
    signal?.throwIfAborted();
    const response = await lookAt(this.#client, name, signal);
    return response.status === 404 ? undefined : lastModifiedOf(response);
  }

  async read(name: ObjectName, options: ReadOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
    checkObjectName(name);
    options.signal?.throwIfAborted();
    const source: RangedSource = {
      get: (_, range, how) => this.#get(name, range, how),
      sizeOf: async (_, signal) => {
        const response = await lookAt(this.#client, name, signal);
        if (response.status === 404) throw missing(name);
        return announcedSize(name, response);
      },
    };
    const { pieceBytes = 64 * MIB } = this.#options;
    return readRanged(source, name, options, { pieceBytes, connections: this.#atOnce });
  }

  async write(name: ObjectName, data: Uint8Array | readonly Uint8Array[], options: WriteOptions = {}): Promise<void> {
    checkObjectName(name);
    const { signal, pace, ifAbsent = false } = options;
    signal?.throwIfAborted();
    const { segmentBytes = 1024 * MIB } = this.#options;
    const parts = partsOf(data);
    const upload = { name, ifAbsent, pace, signal };
    await this.#replacing(upload, async () => {
      if (sizeOf(parts) <= segmentBytes) return putWhole(this.#client, upload, parts);
      const segmented = { ...upload, parts: sliceParts(parts, segmentBytes), connections: this.#atOnce };
      await putSegmented(this.#client, this.#segments, segmented);
    });
  }

  async writeStream(
    name: ObjectName,
    chunks: AsyncIterable<Uint8Array>,
    options: WriteStreamOptions = {},
  ): Promise<WrittenStream> {
    checkObjectName(name);
    const { perRequest, pace, ifAbsent = false } = options;
    options.signal?.throwIfAborted();
    // Swift finds out at the end; but hours may have passed by then.
    if (ifAbsent && (await this.stat(name, options)) !== undefined) throw exists(name);
    const { streamPartBytes: partBytes = 8 * MIB, manifestSegments } = this.#options;
    const upload = { name, ifAbsent, perRequest, pace };
    return this.#replacing({ ...upload, signal: options.signal }, () =>
      writePartStream(
        chunks,
        { partBytes, signal: options.signal },
        {
          whole: (bytes, signal) => putWhole(this.#client, { ...upload, signal }, [bytes]),
          parts: ({ stop, memory, blocks }, signal) =>
            putSegmented(this.#client, this.#segments, {
              ...upload,
              parts: oneByOne(blocks),
              onSent: (part) => part.forEach((block) => memory.release(block)),
              stop,
              connections: this.#atOnce,
              manifestSegments,
              signal,
            }),
        },
      ),
    );
  }

  async remove(name: ObjectName, { signal }: StorageOptions = {}): Promise<void> {
    checkObjectName(name);
    signal?.throwIfAborted();
    const upload = await this.#segments.uploadOf(name, signal);
    await this.#client.send({
      method: 'DELETE',
      name,
      accept: [404],
      operation: 'DeleteObject',
      action: `remove ${name}`,
      signal,
    });
    if (upload !== undefined) await this.#segments.clear(name, upload, signal);
  }

  async removeMany(names: readonly ObjectName[], options: StorageOptions = {}): Promise<void> {
    const { signal } = options;
    for (const name of names) checkObjectName(name);
    if (names.length === 0) return;
    signal?.throwIfAborted();
    const segmented = await this.#segments.segmentedOf(names, signal);
    await removeEach(this, segmented, options);
    const isDone = new Set(segmented);
    const whole = names.filter((name) => !isDone.has(name));
    await this.#removal.remove(whole, options);
  }

  async abortStaleUploads(olderThanMs: number, options: StaleUploadOptions = {}): Promise<number> {
    options.signal?.throwIfAborted();
    const nowMs = (this.#options.now ?? (() => new Date()))().getTime();
    return await this.#segments.clearStale(nowMs - olderThanMs, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#http[Symbol.asyncDispose]();
  }

  get #atOnce(): number {
    return Math.min(4, this.features.connections);
  }

  /** Writes an object, and clears away the segments of the one whose place it takes. */
  async #replacing<T>(
    {
      name,
      ifAbsent,
      signal,
    }: { readonly name: ObjectName; readonly ifAbsent: boolean; readonly signal: AbortSignal | undefined },
    write: () => Promise<T>,
  ): Promise<T> {
    const replaced = ifAbsent ? undefined : await this.#segments.uploadOf(name, signal);
    const written = await write();
    if (replaced !== undefined) await this.#segments.clear(name, replaced, signal);
    return written;
  }

  async #get(
    name: ObjectName,
    range: string | undefined,
    { pace, divert, signal }: RequestOptions,
  ): Promise<HttpResponse> {
    const action = `read ${name}`;
    try {
      return await this.#client.send({
        method: 'GET',
        name,
        headers: range === undefined ? {} : { range },
        // Memory is taken as announced, and the caller asked for all of it.
        largestBody: Number.MAX_SAFE_INTEGER,
        pace,
        divert,
        operation: 'GetObject',
        action,
        signal,
      });
    } catch (error) {
      // Swift does not tell an object that is missing from a container that is: that one is looked at once.
      if (hasCode(error, 'OBJECT_MISSING') && !this.#isThere && (await this.#lookAtContainer(signal)).status === 404)
        throw containerMissing({ action, host: 'Swift', container: this.#client.location.container });
      throw error;
    }
  }

  async #lookAtContainer(signal: AbortSignal | undefined): Promise<HttpResponse> {
    const response = await this.#client.send({
      method: 'HEAD',
      accept: [403, 404],
      operation: 'HeadContainer',
      action: `look at the container ${this.#client.location.container}`,
      signal,
    });
    this.#isThere ||= response.status !== 404;
    return response;
  }
}

async function* oneByOne(blocks: AsyncIterable<Uint8Array>): AsyncGenerator<readonly Uint8Array[]> {
  for await (const block of blocks) yield [block];
}
