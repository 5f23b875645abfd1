import { CairnError, hasCode, isCairnError } from '../../../base/errors.ts';
import { utf8 } from '../../../base/bytes.ts';
import { checkObjectName, checkPrefix } from '../../object-name.ts';
import { exists, partsOf, sizeOf, sliceParts } from '../../object-range.ts';
import type {
  AbortStaleUploads,
  ColdStorage,
  ObjectInfo,
  ObjectName,
  Presign,
  PresignOptions,
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
import { endpointOfProfile } from './aws-profile.ts';
import { type CredentialSources, resolveCredentials } from './credentials.ts';
import { S3Client } from './s3-client.ts';
import { s3Cold } from './s3-cold.ts';
import { listS3 } from './s3-listing.ts';
import { describeLocation, parseS3Location } from './s3-location.ts';
import { MOST_PARTS, uploadInParts } from './s3-multipart.ts';
import { presignS3 } from './s3-presign.ts';
import { headObject, type ReadSettings, readS3, sizeOfObject } from './s3-read.ts';
import { REMOVE_BATCH, removeBatch, removeOne } from './s3-removal.ts';
import { abortStaleUploads } from './s3-stale-uploads.ts';
import { writeS3Stream } from './s3-stream.ts';
import { contentMd5, type Headers, loadKeyHeaders, needsMd5, storeHeaders } from './write-headers.ts';

const MIB = 1024 * 1024;
const DEFAULT_REGION = 'us-east-1';

export interface S3StorageOptions extends Pick<HttpClientOptions, 'onRequest' | 'timeouts'> {
  readonly environment?: CredentialSources['environment'];
  readonly loadProviders?: CredentialSources['loadProviders'];
  /** Larger objects are uploaded in parts; 100 MiB by default, which is above any pack of the usual size. */
  readonly multipartBytes?: number;
  /** Size of a part; 16 MiB by default. */
  readonly partBytes?: number;
  /** Size of the first parts of a stream; 8 MiB by default. Later ones are larger. */
  readonly streamPartBytes?: number;
  /**
   * Longer ranges are read in pieces of this size, several at once; 64 MiB by default: a pack of the usual size stays
   * one request, which is what is paid for.
   */
  readonly pieceBytes?: number;
  readonly now?: () => Date;
  readonly signal?: AbortSignal | undefined;
}

/** An S3 storage, with what not every storage has. */
export interface S3Storage extends Storage {
  readonly presign: Presign;
  readonly abortStaleUploads: AbortStaleUploads;
}

/**
 * Storage in a bucket: `s3://BUCKET/PREFIX?endpoint=…`, or as restic writes it, `s3:https://HOST/BUCKET/PREFIX`. Reads
 * files of credentials, and asks no server yet. Throws `STORAGE_URL_INVALID`, `CONFIG_INVALID` or `CREDENTIALS_MISSING`.
 */
export async function openS3Storage(url: string, options: S3StorageOptions = {}): Promise<S3Storage> {
  const { environment = process.env, signal, now } = options;
  const said = parseS3Location(url, environment);
  const sources = {
    environment,
    ...(options.loadProviders === undefined ? {} : { loadProviders: options.loadProviders }),
  };
  const { provider, profile } = await resolveCredentials(said, sources, signal);
  const server = endpointOfProfile(profile, environment);
  const parsed = server === undefined ? said : parseS3Location(url, { AWS_ENDPOINT_URL: server, ...environment });
  const keyHeaders = await loadKeyHeaders(parsed.encryption, signal);
  const http = await openHttpClient({
    env: environment,
    caFile: parsed.caFile ?? profile?.get('ca_bundle'),
    timeouts: options.timeouts,
    onRequest: options.onRequest,
  });
  const client = new S3Client({
    location: parsed,
    region: parsed.region ?? profile?.get('region') ?? DEFAULT_REGION,
    http,
    credentials: provider,
    ...(now === undefined ? {} : { now }),
  });
  return new BucketStorage(client, http, keyHeaders, options);
}

class BucketStorage implements S3Storage {
  readonly url: string;
  readonly features: StorageFeatures;
  readonly cold: ColdStorage;
  readonly #client: S3Client;
  readonly #http: HttpClient;
  readonly #keyHeaders: Headers;
  readonly #multipartBytes: number;
  readonly #partBytes: number;
  readonly #streamPartBytes: number;
  readonly #pieceBytes: number;
  readonly #now: () => Date;
  readonly #removal: BatchedRemoval;
  /** Whether the server knows conditional writes, as far as it has been asked. */
  #conditional = true;

  constructor(client: S3Client, http: HttpClient, keyHeaders: Headers, options: S3StorageOptions) {
    const { connections } = client.location;
    this.url = describeLocation(client.location);
    this.features = {
      atomicWrite: true,
      remote: true,
      connections,
      localPath: undefined,
      removeBatch: REMOVE_BATCH,
      paced: true,
      handsOver: true,
    };
    this.cold = s3Cold(client, keyHeaders);
    this.#client = client;
    this.#http = http;
    this.#removal = new BatchedRemoval(this, REMOVE_BATCH, (batch, signal) =>
      removeBatch(client, batch, keyHeaders, signal),
    );
    this.#keyHeaders = keyHeaders;
    this.#multipartBytes = options.multipartBytes ?? 100 * MIB;
    this.#partBytes = options.partBytes ?? 16 * MIB;
    this.#streamPartBytes = options.streamPartBytes ?? 8 * MIB;
    this.#pieceBytes = options.pieceBytes ?? 64 * MIB;
    this.#now = options.now ?? (() => new Date());
  }

  /** Makes the bucket where it is not there. Whoever may not ask for it may still be allowed to write. */
  async create({ signal }: StorageOptions = {}): Promise<void> {
    signal?.throwIfAborted();
    const { bucket, lock } = this.#client.location;
    try {
      await this.#client.send({ method: 'HEAD', operation: 'HeadBucket', action: `look at bucket ${bucket}`, signal });
    } catch (error) {
      if (hasCode(error, 'STORAGE_DENIED')) return;
      if (!isCairnError(error) || error.facts['status'] !== 404) throw error;
      await this.#createBucket(bucket, lock !== undefined, signal);
    }
  }

  async *list(prefix: string, { signal }: StorageOptions = {}): AsyncGenerator<ObjectInfo> {
    checkPrefix(prefix);
    signal?.throwIfAborted();
    yield* listS3(this.#client, prefix, signal);
  }

  async stat(name: ObjectName, { signal }: StorageOptions = {}): Promise<ObjectInfo | undefined> {
    checkObjectName(name);
    signal?.throwIfAborted();
    try {
      return { name, sizeBytes: await sizeOfObject(this.#client, name, this.#readSettings, signal) };
    } catch (error) {
      if (hasCode(error, 'OBJECT_MISSING')) return undefined;
      throw await this.#explain(name, error, signal);
    }
  }

  async writtenAt(name: ObjectName, { signal }: StorageOptions = {}): Promise<number | undefined> {
    checkObjectName(name);
    signal?.throwIfAborted();
    try {
      return lastModifiedOf(await headObject(this.#client, name, this.#readSettings, signal));
    } catch (error) {
      if (hasCode(error, 'OBJECT_MISSING')) return undefined;
      throw await this.#explain(name, error, signal);
    }
  }

  async read(name: ObjectName, options: ReadOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
    checkObjectName(name);
    options.signal?.throwIfAborted();
    return readS3(this.#client, name, options, this.#readSettings);
  }

  async write(name: ObjectName, data: Uint8Array | readonly Uint8Array[], options: WriteOptions = {}): Promise<void> {
    checkObjectName(name);
    options.signal?.throwIfAborted();
    const parts = partsOf(data);
    await this.#refuseExisting(name, options);
    await this.#appear(options, (finalHeaders) => this.#put(name, parts, options, finalHeaders));
  }

  async writeStream(
    name: ObjectName,
    chunks: AsyncIterable<Uint8Array>,
    options: WriteStreamOptions = {},
  ): Promise<WrittenStream> {
    checkObjectName(name);
    options.signal?.throwIfAborted();
    await this.#refuseExisting(name, options);
    return writeS3Stream(this.#client, chunks, {
      name,
      partBytes: this.#streamPartBytes,
      connections: Math.min(4, this.features.connections),
      storeHeaders: storeHeaders(this.#client.location, name, options, this.#now()),
      keyHeaders: this.#keyHeaders,
      appear: (send) => this.#appear(options, send),
      perRequest: options.perRequest,
      pace: options.pace,
      signal: options.signal,
    });
  }

  async remove(name: ObjectName, { signal }: StorageOptions = {}): Promise<void> {
    checkObjectName(name);
    signal?.throwIfAborted();
    await removeOne(this.#client, name, this.#keyHeaders, signal);
  }

  async removeMany(names: readonly ObjectName[], options: StorageOptions = {}): Promise<void> {
    await this.#removal.remove(names, options);
  }

  async presign(name: ObjectName, options: PresignOptions): Promise<string> {
    checkObjectName(name);
    options.signal?.throwIfAborted();
    return presignS3(this.#client, name, options);
  }

  async abortStaleUploads(olderThanMs: number, options: StaleUploadOptions = {}): Promise<number> {
    options.signal?.throwIfAborted();
    return await abortStaleUploads(this.#client, { ...options, beforeMs: this.#now().getTime() - olderThanMs });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#http[Symbol.asyncDispose]();
  }

  get #readSettings(): ReadSettings {
    return {
      pieceBytes: this.#pieceBytes,
      connections: Math.min(4, this.features.connections),
      keyHeaders: this.#keyHeaders,
    };
  }

  /** Some servers pass over the condition without a word: looking first keeps what is there from being replaced. */
  async #refuseExisting(name: ObjectName, options: WriteOptions): Promise<void> {
    if (options.ifAbsent === true && (await this.stat(name, options)) !== undefined) throw exists(name);
  }

  /** Sends the request by which an object appears, on the condition that there is none where that is wanted. */
  async #appear({ ifAbsent }: WriteOptions, send: (finalHeaders: Headers) => Promise<void>): Promise<void> {
    if (ifAbsent !== true || !this.#conditional) return send({});
    try {
      await send({ 'if-none-match': '*' });
    } catch (error) {
      if (!hasCode(error, 'NOT_SUPPORTED')) throw error;
      this.#conditional = false;
      await send({});
    }
  }

  async #put(
    name: ObjectName,
    parts: readonly Uint8Array[],
    options: WriteOptions,
    finalHeaders: Headers,
  ): Promise<void> {
    const { signal, sha256, pace } = options;
    const stored = storeHeaders(this.#client.location, name, options, this.#now());
    const sizeBytes = sizeOf(parts);
    if (sizeBytes > this.#multipartBytes) {
      return uploadInParts(this.#client, {
        name,
        parts: sliceParts(parts, Math.max(this.#partBytes, Math.ceil(sizeBytes / MOST_PARTS))),
        connections: Math.min(4, this.features.connections),
        storeHeaders: stored,
        keyHeaders: this.#keyHeaders,
        appear: (complete) => complete(finalHeaders),
        pace,
        signal,
      });
    }
    const md5: Headers = needsMd5(stored) ? { 'content-md5': contentMd5(parts) } : {};
    await this.#client.send({
      method: 'PUT',
      name,
      headers: { ...stored, ...this.#keyHeaders, ...finalHeaders, ...md5 },
      body: parts,
      sha256,
      pace,
      operation: 'PutObject',
      action: `write ${name}`,
      signal,
    });
  }

  /** A refusal of HEAD has no text that would say why; the same question by GET has. */
  async #explain(name: ObjectName, error: unknown, signal: AbortSignal | undefined): Promise<unknown> {
    const status = isCairnError(error) ? error.facts['status'] : undefined;
    if (status !== 400 && status !== 403) return error;
    try {
      await readS3(this.#client, name, { offset: 0, length: 1, signal }, this.#readSettings);
      return error;
    } catch (explained) {
      return hasCode(explained, 'OBJECT_MISSING') ? error : explained;
    }
  }

  async #createBucket(bucket: string, locked: boolean, signal: AbortSignal | undefined): Promise<void> {
    const { region, location } = this.#client;
    // us-east-1 is where buckets are made unless one says otherwise, and must not be said.
    const elsewhere = location.endpoint === undefined && region !== DEFAULT_REGION;
    const text = `<CreateBucketConfiguration><LocationConstraint>${region}</LocationConstraint></CreateBucketConfiguration>`;
    try {
      await this.#client.send({
        method: 'PUT',
        headers: locked ? { 'x-amz-bucket-object-lock-enabled': 'true' } : {},
        body: elsewhere ? [utf8(text)] : [],
        operation: 'CreateBucket',
        action: `make the bucket ${bucket}`,
        signal,
      });
    } catch (error) {
      // Somebody made it at the same time.
      if (!(error instanceof CairnError) || error.facts['reason'] !== 'BucketAlreadyOwnedByYou') throw error;
    }
  }
}
