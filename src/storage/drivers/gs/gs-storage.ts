import { utf8 } from '../../../base/bytes.ts';
import { CairnError, hasCode, isCairnError } from '../../../base/errors.ts';
import { checkObjectName, checkPrefix } from '../../object-name.ts';
import { exists, partsOf } from '../../object-range.ts';
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
import { BatchedRemoval } from '../http/batched-removal.ts';
import { type HttpClient, type HttpClientOptions, openHttpClient } from '../http/http-client.ts';
import { type RangedSource, readRanged } from '../http/ranged-read.ts';
import { RenewedValue } from '../renewed-value.ts';
import type { Environment } from '../url-parameters.ts';
import { findGoogleCredentials, type GoogleCredentials } from './google-credentials.ts';
import { askGoogleToken } from './google-token.ts';
import { GsClient, type GsLogin } from './gs-client.ts';
import { listGs, parseSize } from './gs-listing.ts';
import { describeGsLocation, parseGsLocation } from './gs-location.ts';
import { REMOVE_BATCH, removeBatch } from './gs-removal.ts';
import { PIECE_UNIT, writeGsStream } from './gs-stream.ts';
import { uploadWhole } from './gs-upload.ts';

const MIB = 1024 * 1024;

export interface GsStorageOptions extends Pick<HttpClientOptions, 'onRequest' | 'timeouts'> {
  readonly environment?: Environment;
  /** Loads Google's own library, for credentials that are not spoken here. */
  readonly loadLibrary?: (() => Promise<unknown>) | undefined;
  /** Size of the pieces of a stream, a multiple of 256 KiB; 8 MiB by default. */
  readonly streamPartBytes?: number;
  /** Longer ranges are read in pieces of this size, several at once; 64 MiB by default. */
  readonly pieceBytes?: number;
  readonly now?: () => Date;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Storage in a bucket of Google Cloud Storage, by its JSON API: `gs:BUCKET:/PREFIX` or `gs://BUCKET/PREFIX`. Reads the file of
 * credentials, and asks no server yet. Throws `STORAGE_URL_INVALID`, or `CONFIG_INVALID` where that file holds none.
 */
export async function openGsStorage(url: string, options: GsStorageOptions = {}): Promise<Storage> {
  const { environment = process.env, signal, now = () => new Date(), loadLibrary } = options;
  const location = parseGsLocation(url, environment);
  const credentials = location.anonymous ? undefined : await findGoogleCredentials(environment, signal);
  const http = await openHttpClient({
    env: environment,
    caFile: location.caFile,
    timeouts: options.timeouts,
    onRequest: options.onRequest,
  });
  const askLogin = async (): Promise<GsLogin> =>
    credentials === undefined ? anonymous : askGoogleToken(credentials, { http, now, loadLibrary });
  const client = new GsClient({
    location: { ...location, project: location.project ?? projectOf(credentials) },
    http,
    logins: new RenewedValue(askLogin, () => now().getTime()),
    hasFixedToken: credentials?.kind === 'token',
  });
  return new GsStorage(client, http, options);
}

const anonymous: GsLogin = { token: undefined, expiresAtMs: undefined };

function projectOf(credentials: GoogleCredentials | undefined): string | undefined {
  return credentials !== undefined && 'project' in credentials ? credentials.project : undefined;
}

class GsStorage implements Storage {
  readonly url: string;
  readonly features: StorageFeatures;
  readonly #client: GsClient;
  readonly #http: HttpClient;
  readonly #streamPartBytes: number;
  readonly #pieceBytes: number;
  readonly #removal: BatchedRemoval;

  constructor(client: GsClient, http: HttpClient, options: GsStorageOptions) {
    this.url = describeGsLocation(client.location);
    this.features = {
      atomicWrite: true,
      remote: true,
      connections: client.location.connections,
      localPath: undefined,
      removeBatch: REMOVE_BATCH,
      paced: true,
      handsOver: true,
    };
    this.#client = client;
    this.#http = http;
    this.#removal = new BatchedRemoval(this, REMOVE_BATCH, (batch, signal) => removeBatch(client, batch, signal));
    this.#streamPartBytes = Math.ceil((options.streamPartBytes ?? 8 * MIB) / PIECE_UNIT) * PIECE_UNIT;
    this.#pieceBytes = options.pieceBytes ?? 64 * MIB;
  }

  /** Makes the bucket where it is not there. Whoever may not look at it may still be allowed to write. */
  async create({ signal }: StorageOptions = {}): Promise<void> {
    signal?.throwIfAborted();
    try {
      await this.#lookAtBucket(signal);
    } catch (error) {
      if (hasCode(error, 'STORAGE_DENIED') && error.facts['status'] === 403) return;
      if (!hasCode(error, 'BUCKET_MISSING')) throw error;
      await this.#createBucket(error, signal);
    }
  }

  async *list(prefix: string, { signal }: StorageOptions = {}): AsyncGenerator<ObjectInfo> {
    checkPrefix(prefix);
    signal?.throwIfAborted();
    yield* listGs(this.#client, prefix, signal);
  }

  async stat(name: ObjectName, { signal }: StorageOptions = {}): Promise<ObjectInfo | undefined> {
    checkObjectName(name);
    signal?.throwIfAborted();
    try {
      return { name, sizeBytes: await this.#sizeOf(name, signal) };
    } catch (error) {
      // Also where there is no bucket yet: `create` makes it.
      if (hasCode(error, 'OBJECT_MISSING') || hasCode(error, 'BUCKET_MISSING')) return undefined;
      throw error;
    }
  }

  async writtenAt(name: ObjectName, { signal }: StorageOptions = {}): Promise<number | undefined> {
    checkObjectName(name);
    signal?.throwIfAborted();
    try {
      const { updated } = await this.#lookAt(name, 'updated', signal);
      const time = typeof updated === 'string' ? Date.parse(updated) : Number.NaN;
      return Number.isNaN(time) ? undefined : time;
    } catch (error) {
      if (hasCode(error, 'OBJECT_MISSING')) return undefined;
      throw error;
    }
  }

  async read(name: ObjectName, options: ReadOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
    checkObjectName(name);
    options.signal?.throwIfAborted();
    const source: RangedSource = {
      get: (_, range, { pace, divert, signal }) =>
        this.#client.send({
          method: 'GET',
          path: this.#client.objectPath(name),
          query: { alt: 'media' },
          headers: range === undefined ? {} : { range },
          // Memory is taken as announced, and the caller asked for all of it.
          largestBody: Number.MAX_SAFE_INTEGER,
          name,
          pace,
          divert,
          operation: 'GetObjectMedia',
          action: `read ${name}`,
          signal,
        }),
      sizeOf: (_, signal) => this.#sizeOf(name, signal),
    };
    const settings = { pieceBytes: this.#pieceBytes, connections: Math.min(4, this.features.connections) };
    return readRanged(source, name, options, settings);
  }

  async write(name: ObjectName, data: Uint8Array | readonly Uint8Array[], options: WriteOptions = {}): Promise<void> {
    checkObjectName(name);
    options.signal?.throwIfAborted();
    await uploadWhole(this.#client, name, partsOf(data), options);
  }

  async writeStream(
    name: ObjectName,
    chunks: AsyncIterable<Uint8Array>,
    options: WriteStreamOptions = {},
  ): Promise<WrittenStream> {
    checkObjectName(name);
    options.signal?.throwIfAborted();
    // Google finds out at the end for certain; but hours may have passed by then.
    if (options.ifAbsent === true && (await this.stat(name, options)) !== undefined) throw exists(name);
    return writeGsStream(this.#client, name, chunks, { ...options, partBytes: this.#streamPartBytes });
  }

  async remove(name: ObjectName, { signal }: StorageOptions = {}): Promise<void> {
    checkObjectName(name);
    signal?.throwIfAborted();
    await this.#client.send({
      method: 'DELETE',
      path: this.#client.objectPath(name),
      name,
      accept: [404],
      operation: 'DeleteObject',
      action: `remove ${name}`,
      signal,
    });
  }

  async removeMany(names: readonly ObjectName[], options: StorageOptions = {}): Promise<void> {
    await this.#removal.remove(names, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#http[Symbol.asyncDispose]();
  }

  async #sizeOf(name: ObjectName, signal: AbortSignal | undefined): Promise<number> {
    const { size } = await this.#lookAt(name, 'size', signal);
    return parseSize(size, name, `look at ${name}`);
  }

  #lookAt(name: ObjectName, fields: string, signal: AbortSignal | undefined): ReturnType<GsClient['sendForJson']> {
    return this.#client.sendForJson({
      method: 'GET',
      path: this.#client.objectPath(name),
      query: { fields },
      name,
      operation: 'GetObject',
      action: `look at ${name}`,
      signal,
    });
  }

  async #lookAtBucket(signal: AbortSignal | undefined): Promise<void> {
    await this.#client.send({
      method: 'GET',
      path: this.#client.bucketPath,
      query: { fields: 'name' },
      operation: 'GetBucket',
      action: `look at the bucket ${this.#client.location.bucket}`,
      signal,
    });
  }

  async #createBucket(absent: CairnError, signal: AbortSignal | undefined): Promise<void> {
    const { bucket: name, bucketLocation, project } = this.#client.location;
    if (project === undefined) {
      throw new CairnError('BUCKET_MISSING', `there is no bucket ${name}, and no project to make it in is known`, {
        hint: 'Set GOOGLE_PROJECT_ID, or make the bucket in the console.',
        cause: absent,
        facts: absent.facts,
      });
    }
    const description = { name, ...(bucketLocation === undefined ? {} : { location: bucketLocation }) };
    try {
      await this.#client.send({
        method: 'POST',
        path: '/storage/v1/b',
        query: { project },
        headers: { 'content-type': 'application/json; charset=UTF-8' },
        body: [utf8(JSON.stringify(description))],
        operation: 'InsertBucket',
        action: `make the bucket ${name}`,
        signal,
      });
    } catch (error) {
      // Somebody made it at the same time; whether it is ours shows when it is looked at.
      if (!isCairnError(error) || error.facts['status'] !== 409) throw error;
      await this.#lookAtBucket(signal);
    }
  }
}
