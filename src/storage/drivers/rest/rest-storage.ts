// restic's REST protocol as a storage. Servers verify that the SHA-256 of an upload is its name and never replace a
// file; docs/guides/rest-server.md says what that means for whoever writes.
import { mapConcurrent } from '../../../base/concurrency.ts';
import { CairnError } from '../../../base/errors.ts';
import { ChunkSource } from '../../chunk-source.ts';
import { checkObjectName, checkPrefix } from '../../object-name.ts';
import { exists, missing, partsOf, resolveRange, sizeOf } from '../../object-range.ts';
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
import { lastModifiedOf } from '../http/last-modified.ts';
import { handOver } from '../http/hand-over.ts';
import { openHttpClient } from '../http/http-client.ts';
import { HTTP_CONNECTIONS } from '../http/http-connections.ts';
import type { HttpResponse } from '../http/http-exchange.ts';
import { isOurServer, isSuccess, RestConnection } from './rest-connection.ts';
import { LIST_V2, parseRestListing, parseShelfListing } from './rest-list.ts';
import { describeRestLocation, loginOfEnvironment, type RestLocation } from './rest-location.ts';
import { objectNameOf, restShelves, type RestTarget, restTarget, restTypes, shelfListPath } from './rest-names.ts';
import { contentRangeSize, rangeHeader, takeRange } from './rest-range.ts';

/** A listing has about 90 bytes for each pack. */
const LARGEST_LIST = 1024 * 1024 * 1024;
/** Sizes that are asked for before the first of them is given on, of servers that list names only. */
const SIZES_AT_ONCE = 100;

export interface RestStorageOptions {
  readonly env?: NodeJS.ProcessEnv;
}

/**
 * Opens the repository at a REST server. Connects to nothing yet. The login is that of the URL, or of
 * `CAIRN_REST_USERNAME` and `_PASSWORD` or restic's names for them; an authority to trust and a certificate to show are
 * the PEM files of `CAIRN_CACERT` and `CAIRN_TLS_CLIENT_CERT`, or restic's.
 */
export async function openRestStorage(location: RestLocation, options: RestStorageOptions = {}): Promise<Storage> {
  const { env = process.env } = options;
  const client = await openHttpClient({
    env,
    caFile: either(env, 'CAIRN_CACERT', 'RESTIC_CACERT'),
    clientCertificateFile: either(env, 'CAIRN_TLS_CLIENT_CERT', 'RESTIC_TLS_CLIENT_CERT'),
    socketPath: location.socketPath,
  });
  const login = location.login ?? loginOfEnvironment(env);
  const dialect = { url: describeRestLocation(location), replaces: false };
  return new RestStorage(new RestConnection(client, location.base, login, dialect));
}

function either(env: NodeJS.ProcessEnv, first: string, second: string): string | undefined {
  return [env[first], env[second]].find((value) => value !== undefined && value !== '');
}

export class RestStorage implements Storage {
  readonly url: string;
  readonly #connection: RestConnection;

  constructor(connection: RestConnection) {
    this.url = connection.dialect.url;
    this.#connection = connection;
  }

  /** Our own server has shelves, which is known from its first answer on. */
  get features(): StorageFeatures {
    const { dialect, isOurs } = this.#connection;
    return {
      // True of packs and most other files on most servers; nothing in the protocol promises it.
      atomicWrite: false,
      remote: true,
      connections: HTTP_CONNECTIONS,
      localPath: undefined,
      resticNamesOnly: dialect.replaces || !isOurs,
      looseIfAbsent: dialect.replaces,
      paced: true,
      handsOver: true,
    };
  }

  async create({ signal }: StorageOptions = {}): Promise<void> {
    const response = await this.#connection.request('POST', '?create=true', {
      action: 'make the repository',
      body: [],
      signal,
    });
    if (!isSuccess(response)) throw await this.#connection.refusal('make the repository', response);
  }

  async *list(prefix: string, { signal }: StorageOptions = {}): AsyncGenerator<ObjectInfo> {
    checkPrefix(prefix);
    signal?.throwIfAborted();
    const [folder = ''] = prefix.split('/');
    if (prefix === '') {
      const config = await this.stat('config', { signal });
      if (config !== undefined) yield config;
    }
    for (const type of restTypes) {
      if (prefix !== '' && type !== folder) continue;
      for await (const info of this.#listType(type, signal)) if (info.name.startsWith(prefix)) yield info;
    }
    for (const shelf of restShelves) {
      if (prefix === '' || shelf === folder) yield* await this.#listShelf(prefix === '' ? `${shelf}/` : prefix, signal);
    }
  }

  async stat(name: ObjectName, { signal }: StorageOptions = {}): Promise<ObjectInfo | undefined> {
    checkObjectName(name);
    signal?.throwIfAborted();
    const target = restTarget(name);
    if (target === undefined || this.#lacks(target)) return undefined;
    const action = `look at ${name}`;
    const response = await this.#connection.request('HEAD', target.path, { action, signal });
    if (response.status === 404) {
      await this.#confirmMissing(name, action, signal);
      return undefined;
    }
    const sizeBytes = Number(response.headers['content-length'] ?? Number.NaN);
    if (response.status !== 200) throw await this.#connection.refusal(action, response);
    if (!Number.isSafeInteger(sizeBytes)) {
      throw new CairnError('STORAGE_IO', `cannot ${action}: the server does not tell its size`);
    }
    return { name, sizeBytes };
  }

  /** Servers need not say so: rclone's does, ours of locks, rest-server does not. */
  async writtenAt(name: ObjectName, { signal }: StorageOptions = {}): Promise<number | undefined> {
    checkObjectName(name);
    signal?.throwIfAborted();
    const target = restTarget(name);
    if (target === undefined || this.#lacks(target)) return undefined;
    const response = await this.#connection.request('HEAD', target.path, { action: `look at ${name}`, signal });
    return response.status === 200 ? lastModifiedOf(response) : undefined;
  }

  async read(name: ObjectName, options: ReadOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
    checkObjectName(name);
    const { signal } = options;
    signal?.throwIfAborted();
    const target = restTarget(name);
    if (target === undefined || this.#lacks(target)) throw missing(name);
    const range = rangeHeader(options);
    if (range.kind === 'empty') return this.#readNothing(name, options);
    const action = `read ${name}`;
    const headers: Record<string, string> = range.kind === 'part' ? { range: range.header } : {};
    const response = await this.#connection.request('GET', target.path, {
      action,
      headers,
      largestBody: Infinity,
      pace: options.pace,
      divert: handOver(options.onBytes, { offset: options.offset ?? 0, length: options.length ?? 0 }),
      signal,
    });
    if (response.diverted) return response.body;
    switch (response.status) {
      case 200:
      case 206:
        return takeRange(name, response, options);
      case 404:
        // No listing has the config. Who reads it takes keys for a vault, and who makes one has just written some.
        await this.#confirmMissing(name, action, signal, name === 'config');
        throw missing(name);
      case 416:
        return this.#readNothing(name, options, contentRangeSize(response.headers['content-range']));
      default:
        throw await this.#connection.refusal(action, response);
    }
  }

  async write(name: ObjectName, data: Uint8Array | readonly Uint8Array[], options: WriteOptions = {}): Promise<void> {
    checkObjectName(name);
    options.signal?.throwIfAborted();
    const target = restTarget(name);
    if (target === undefined || this.#lacks(target)) throw this.#cannotStore(name);
    const upload: Upload = { name, parts: partsOf(data), ...options };
    if (target.kind === 'shelf') await this.#writeToShelf(target.path, upload);
    else if (this.#connection.dialect.replaces) await this.#lookAndWrite(target.path, upload);
    else await this.#writeFile(target, upload);
  }

  /**
   * As one request, which the server shows when it is whole. To our server only, and for its shelves: other names are the SHA-256 of
   * the content, which a stream does not know before its end.
   */
  async writeStream(
    name: ObjectName,
    chunks: AsyncIterable<Uint8Array>,
    options: WriteStreamOptions = {},
  ): Promise<WrittenStream> {
    checkObjectName(name);
    const { ifAbsent, pace, signal } = options;
    signal?.throwIfAborted();
    const target = restTarget(name);
    if (target?.kind !== 'shelf' || this.#lacks(target)) throw this.#cannotStore(name);
    await this.#assertShelves(name, signal);
    const source = new ChunkSource(chunks, signal);
    try {
      const headers = { 'content-type': 'application/octet-stream' };
      const request = { action: `write ${name}`, headers, stream: source, pace, signal };
      const response = await this.#connection.request(ifAbsent === true ? 'POST' : 'PUT', target.path, request);
      if (!isSuccess(response)) throw await this.#refusedByShelf(response, name, options);
      return { sizeBytes: source.sizeBytes };
    } catch (error) {
      source.throwFailure();
      throw error;
    } finally {
      // Of a request that was refused, nobody reads on.
      source.stop(new Error('the request has ended'));
    }
  }

  async remove(name: ObjectName, { signal }: StorageOptions = {}): Promise<void> {
    checkObjectName(name);
    signal?.throwIfAborted();
    const target = restTarget(name);
    if (target === undefined || this.#lacks(target)) return;
    const response = await this.#connection.request('DELETE', target.path, { action: `remove ${name}`, signal });
    if (response.status === 404) return this.#confirmMissing(name, `remove ${name}`, signal);
    if (isSuccess(response)) return;
    if (response.status === 403 && !isOurServer(response)) throw appendOnly(`remove ${name}`);
    throw await this.#connection.refusal(`remove ${name}`, response);
  }

  removeMany(names: readonly ObjectName[], options: StorageOptions = {}): Promise<void> {
    return removeEach(this, names, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connection[Symbol.asyncDispose]();
  }

  async *#listType(type: string, signal: AbortSignal | undefined): AsyncGenerator<ObjectInfo> {
    const action = `list ${type}/`;
    const headers = { accept: LIST_V2 };
    const response = await this.#connection.request('GET', `${type}/`, {
      action,
      headers,
      largestBody: LARGEST_LIST,
      signal,
    });
    if (response.status === 404) {
      if (this.#connection.dialect.hidesFailures === true) throw await this.#connection.hiddenFailure(action);
      return;
    }
    if (response.status !== 200) throw await this.#connection.refusal(action, response);
    const listing = parseRestListing(type, response.body, response.headers['content-type']);
    if (listing.version === 2) yield* listing.entries;
    else yield* this.#withSizes(type, listing.ids, signal);
  }

  /**
   * Throws where "not found" may mean that something failed: a listing that fails says that it does, and one that has the
   * object that it is there. `anyProves`: so does any other object beside it.
   */
  async #confirmMissing(name: ObjectName, action: string, signal?: AbortSignal, anyProves = false): Promise<void> {
    if (this.#connection.dialect.hidesFailures !== true) return;
    const [type = ''] = name === 'config' ? ['keys'] : name.split('/');
    for await (const found of this.#listType(type, signal)) {
      if (anyProves || found.name === name) throw await this.#connection.hiddenFailure(action);
    }
  }

  /** Version 1 of the protocol has no sizes in its listings. What is removed meanwhile is left out. */
  async *#withSizes(type: string, ids: readonly string[], signal: AbortSignal | undefined): AsyncGenerator<ObjectInfo> {
    for (let at = 0; at < ids.length; at += SIZES_AT_ONCE) {
      const some = ids.slice(at, at + SIZES_AT_ONCE);
      const stat = (id: string): Promise<ObjectInfo | undefined> => this.stat(objectNameOf(type, id), { signal });
      const infos = await mapConcurrent(some, { limit: HTTP_CONNECTIONS, signal }, stat);
      for (const info of infos) if (info !== undefined) yield info;
    }
  }

  /** A server without the extension has no shelves, so there is nothing on them. */
  async #listShelf(prefix: string, signal: AbortSignal | undefined): Promise<readonly ObjectInfo[]> {
    if (this.#connection.dialect.replaces) return [];
    const action = `list ${prefix}`;
    const response = await this.#connection.request('GET', shelfListPath(prefix), {
      action,
      largestBody: LARGEST_LIST,
      signal,
    });
    if (!isOurServer(response) && (response.status === 404 || response.status === 405)) return [];
    if (response.status !== 200) throw await this.#connection.refusal(action, response);
    return parseShelfListing(prefix, response.body);
  }

  /** For ranges that have no bytes, which HTTP cannot ask for. */
  async #readNothing(name: ObjectName, options: ReadOptions, known?: number): Promise<Uint8Array<ArrayBuffer>> {
    const sizeBytes = known ?? (await this.stat(name, { signal: options.signal }))?.sizeBytes;
    if (sizeBytes === undefined) throw missing(name);
    const { length } = resolveRange(name, sizeBytes, options);
    if (length > 0)
      throw new CairnError('STORAGE_IO', `cannot read ${name}: the server says that it has no such range`);
    return new Uint8Array();
  }

  async #writeFile(target: RestTarget & { readonly kind: 'file' }, upload: Upload): Promise<void> {
    const response = await this.#upload('POST', target.path, upload);
    if (isSuccess(response)) return;
    const there = response.status === 403 ? await this.stat(upload.name, { signal: upload.signal }) : undefined;
    if (there === undefined) throw await this.#connection.refusal(`write ${upload.name}`, response);
    if (upload.ifAbsent === true) throw exists(upload.name);
    // What is named by its content is replaced by the same content, unless it is damaged.
    if (target.isNamedByContent && there.sizeBytes === sizeOf(upload.parts)) return;
    await this.remove(upload.name, { signal: upload.signal });
    const again = await this.#upload('POST', target.path, upload);
    if (!isSuccess(again)) throw await this.#connection.refusal(`write ${upload.name}`, again);
  }

  async #lookAndWrite(path: string, upload: Upload): Promise<void> {
    const { name, ifAbsent, signal } = upload;
    if (ifAbsent === true && (await this.stat(name, { signal })) !== undefined) throw exists(name);
    const response = await this.#upload('POST', path, upload);
    if (!isSuccess(response)) throw await this.#connection.refusal(`write ${name}`, response);
  }

  async #writeToShelf(path: string, upload: Upload): Promise<void> {
    await this.#assertShelves(upload.name, upload.signal);
    const response = await this.#upload(upload.ifAbsent === true ? 'POST' : 'PUT', path, upload);
    if (!isSuccess(response)) throw await this.#refusedByShelf(response, upload.name, upload);
  }

  /** Another server might take it for a file with a strange name. */
  async #assertShelves(name: ObjectName, signal: AbortSignal | undefined): Promise<void> {
    const probe = await this.#connection.request('HEAD', 'config', { action: `write ${name}`, signal });
    if (!isSuccess(probe) && probe.status !== 404) throw await this.#connection.refusal(`write ${name}`, probe);
    if (!isOurServer(probe)) throw this.#cannotStore(name);
  }

  async #refusedByShelf(
    response: HttpResponse,
    name: ObjectName,
    { ifAbsent, signal }: WriteStreamOptions,
  ): Promise<CairnError> {
    if (response.status !== 403 || (await this.stat(name, { signal })) === undefined) {
      return this.#connection.refusal(`write ${name}`, response);
    }
    return ifAbsent === true ? exists(name) : this.#connection.appendOnly(`replace ${name}`);
  }

  #upload(method: 'POST' | 'PUT', path: string, { name, parts, pace, signal }: Upload): Promise<HttpResponse> {
    const headers = { 'content-type': 'application/octet-stream' };
    return this.#connection.request(method, path, { action: `write ${name}`, headers, body: parts, pace, signal });
  }

  /** rclone's server would store what is below `.cairn` under another name than it lists. */
  #lacks(target: RestTarget): boolean {
    return target.kind === 'shelf' && this.#connection.dialect.replaces;
  }

  #cannotStore(name: ObjectName): CairnError {
    return new CairnError(
      'NOT_SUPPORTED',
      `${this.url} cannot hold ${name}: restic's REST protocol has no such files`,
      {
        hint: 'Archives, values and replicas can be kept behind `cairn serve --rest`, in a folder, or on S3, Azure, Google, Swift or SFTP.',
        facts: { name },
      },
    );
  }
}

interface Upload extends WriteOptions {
  readonly name: ObjectName;
  readonly parts: readonly Uint8Array[];
}

function appendOnly(action: string): CairnError {
  return new CairnError('STORAGE_DENIED', `cannot ${action}: the server does not allow it (HTTP 403)`, {
    hint: 'The server is probably append-only. Remove and replace where the repository is local, or with another login.',
  });
}
