import type { IncomingMessage, ServerResponse } from 'node:http';
import { hasCode } from '../../base/errors.ts';
import type { ObjectName, Storage } from '../../storage/storage.ts';
import { type Answer, textAnswer } from './answer.ts';
import { ByteBudget } from './byte-budget.ts';
import type { Quota, Reservation } from './quota.ts';
import { inFolder, type RestTarget } from './rest-path.ts';
import { LIST_V1, LIST_V2, restEntry, sendList } from './send-list.ts';
import { largestSliceBytes, sendObject } from './send-object.ts';
import type { ServerMetrics } from './server-metrics.ts';
import { announcedBytes, readUpload, type Upload } from './upload-body.ts';

const MIB = 1024 * 1024;
const MAX_CONFIG_BYTES = MIB;
/** Locks are small; so small that they are taken when the quota is used up, for without one nothing can be removed. */
const FREE_LOCK_BYTES = 16 * 1024;
const DOWNLOAD_MEMORY_BYTES = 128 * MIB;

export interface RouteOptions {
  readonly appendOnly: boolean;
  readonly quota: Quota | undefined;
  readonly metrics: ServerMetrics;
  readonly maxObjectBytes: number;
  readonly uploadMemoryBytes: number;
  readonly stallMs: number;
}

/** One request behind the gate. */
export interface RestExchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Without the `?`. */
  readonly query: string;
  /** Aborts when the client is gone. */
  readonly signal: AbortSignal;
  /** Tells a client that waits for it (`Expect: 100-continue`) to send its body. */
  readonly inviteBody: () => void;
  readonly onReceived: (bytes: number) => void;
  readonly onSent: (bytes: number) => void;
}

type FileTarget = Extract<RestTarget, { readonly kind: 'file' }>;
type ShelfObjectTarget = Extract<RestTarget, { readonly kind: 'shelf-object' }>;

/** What each path and method does with the storage. */
export class RestRoutes {
  readonly #storage: Storage;
  readonly #options: RouteOptions;
  readonly #uploads: ByteBudget;
  readonly #downloads = new ByteBudget(Math.max(DOWNLOAD_MEMORY_BYTES, largestSliceBytes));

  constructor(storage: Storage, options: RouteOptions) {
    this.#storage = storage;
    this.#options = options;
    this.#uploads = new ByteBudget(Math.max(options.uploadMemoryBytes, options.maxObjectBytes));
  }

  async answer(target: RestTarget, exchange: RestExchange): Promise<Answer> {
    const method = exchange.request.method ?? '';
    const route = this.#routesOf(target)[method];
    if (route !== undefined) return route(exchange);
    return textAnswer(405, 'this method means nothing here', { Allow: Object.keys(this.#routesOf(target)).join(', ') });
  }

  #routesOf(target: RestTarget): Readonly<Record<string, (exchange: RestExchange) => Promise<Answer>>> {
    switch (target.kind) {
      case 'health':
        return { GET: sayAlive, HEAD: sayAlive };
      case 'metrics':
        return { GET: async () => this.#printMetrics() };
      case 'repository':
        return { POST: (exchange) => this.#create(exchange) };
      case 'list':
        return { GET: (exchange) => this.#list(inFolder(target.folder, `${target.type}/`), exchange) };
      case 'file':
        return {
          HEAD: (exchange) => this.#send(target.name, exchange),
          GET: (exchange) => this.#send(target.name, exchange),
          POST: (exchange) => this.#save(target, exchange),
          DELETE: (exchange) => this.#delete(target.name, target.type === 'locks', exchange),
        };
      case 'shelf-list':
        return { GET: (exchange) => this.#listShelf(target.prefix, target.folder, exchange) };
      case 'shelf-object':
        return {
          HEAD: (exchange) => this.#send(target.name, exchange),
          GET: (exchange) => this.#send(target.name, exchange),
          POST: (exchange) => this.#saveShelfObject(target, exchange, { replace: false }),
          PUT: (exchange) => this.#saveShelfObject(target, exchange, { replace: true }),
          DELETE: (exchange) => this.#delete(target.name, false, exchange),
        };
      default:
        return target satisfies never;
    }
  }

  #printMetrics(): Answer {
    const text = this.#options.metrics.print(this.#options.quota);
    return textAnswer(200, text, { 'Content-Type': 'text/plain; version=0.0.4; charset=utf-8' });
  }

  async #create({ query, signal }: RestExchange): Promise<Answer> {
    if (new URLSearchParams(query).get('create') !== 'true') return textAnswer(400, 'say ?create=true');
    // Folders of repositories are made with their first file.
    await this.#storage.create({ signal });
    return textAnswer(200, 'ok');
  }

  #list(prefix: string, { request, response, signal, onSent }: RestExchange): Promise<Answer> {
    const version = request.headers.accept?.includes(LIST_V2) === true ? 2 : 1;
    const contentType = version === 2 ? LIST_V2 : LIST_V1;
    return sendList({
      storage: this.#storage,
      prefix,
      response,
      contentType,
      entry: restEntry(version),
      signal,
      onSent,
    });
  }

  #listShelf(prefix: string, folder: readonly string[], { response, signal, onSent }: RestExchange): Promise<Answer> {
    const cut = inFolder(folder, '').length;
    return sendList({
      storage: this.#storage,
      prefix,
      response,
      contentType: 'application/json',
      entry: ({ name, sizeBytes }) => JSON.stringify({ name: name.slice(cut), size: sizeBytes }),
      signal,
      onSent,
    });
  }

  #send(name: ObjectName, { request, response, signal, onSent }: RestExchange): Promise<Answer> {
    const { stallMs } = this.#options;
    return sendObject({
      storage: this.#storage,
      name,
      request,
      response,
      budget: this.#downloads,
      stallMs,
      signal,
      onSent,
    });
  }

  #save(target: FileTarget, exchange: RestExchange): Promise<Answer> {
    const maxBytes = target.type === 'config' ? MAX_CONFIG_BYTES : this.#options.maxObjectBytes;
    return this.#store(exchange, {
      name: target.name,
      maxBytes,
      replace: false,
      isLock: target.type === 'locks',
      // The config alone is not named by its content.
      sha256: target.type === 'config' ? undefined : target.id,
    });
  }

  #saveShelfObject(
    { name }: ShelfObjectTarget,
    exchange: RestExchange,
    { replace }: { readonly replace: boolean },
  ): Promise<Answer> {
    return this.#store(exchange, {
      name,
      maxBytes: this.#options.maxObjectBytes,
      replace: replace && !this.#options.appendOnly,
      isLock: false,
      sha256: undefined,
    });
  }

  /** Takes a body into memory, verifies it, and only then lets the storage know of it. */
  async #store(exchange: RestExchange, wanted: WantedObject): Promise<Answer> {
    const { request, signal } = exchange;
    const announced = announcedBytes(request);
    if ((announced ?? 0) > wanted.maxBytes) return tooLarge(wanted.maxBytes);
    const there = await this.#storage.stat(wanted.name, { signal });
    if (there !== undefined && !wanted.replace) return alreadyThere();
    const isFree = wanted.isLock && (announced ?? Number.POSITIVE_INFINITY) <= FREE_LOCK_BYTES;
    const { quota } = this.#options;
    using reservation = isFree ? undefined : quota?.reserve(announced ?? 0);
    if (!isFree && quota !== undefined && reservation === undefined) return quotaUsedUp();
    using _memory = await this.#uploads.take(announced ?? wanted.maxBytes, signal);
    exchange.inviteBody();
    const upload = await readUpload(request, {
      maxBytes: wanted.maxBytes,
      stallMs: this.#options.stallMs,
      makeRoom: announced === undefined && reservation !== undefined ? (bytes) => reservation.grow(bytes) : undefined,
    });
    if (upload.kind !== 'complete') return refusedUpload(upload, wanted.maxBytes);
    exchange.onReceived(upload.sizeBytes);
    if (wanted.sha256 !== undefined && upload.sha256 !== wanted.sha256) {
      return textAnswer(400, 'the content does not have the hash that is its name');
    }
    // Awaited here: room and memory are held until it is stored.
    return await this.#write(wanted, upload, { reservation, replacedBytes: there?.sizeBytes ?? 0 });
  }

  /** Not stopped when the client goes away: a complete object is as good without it. */
  async #write(
    { name, replace }: WantedObject,
    { parts, sizeBytes }: Upload & { readonly kind: 'complete' },
    { reservation, replacedBytes }: { readonly reservation: Reservation | undefined; readonly replacedBytes: number },
  ): Promise<Answer> {
    try {
      await this.#storage.write(name, parts, { ifAbsent: !replace });
    } catch (error) {
      if (hasCode(error, 'OBJECT_EXISTS')) return alreadyThere();
      throw error;
    }
    if (reservation === undefined) this.#options.quota?.add(sizeBytes);
    reservation?.keep();
    this.#options.quota?.removed(replacedBytes);
    return textAnswer(200, 'ok');
  }

  async #delete(name: ObjectName, isLock: boolean, { signal }: RestExchange): Promise<Answer> {
    if (this.#options.appendOnly && !isLock) return textAnswer(403, 'append-only: nothing but locks can be removed');
    const { quota } = this.#options;
    const sizeBytes = quota === undefined ? 0 : ((await this.#storage.stat(name, { signal }))?.sizeBytes ?? 0);
    await this.#storage.remove(name, { signal });
    quota?.removed(sizeBytes);
    return textAnswer(200, 'ok');
  }
}

async function sayAlive(): Promise<Answer> {
  return textAnswer(200, 'ok');
}

interface WantedObject {
  readonly name: ObjectName;
  readonly maxBytes: number;
  readonly replace: boolean;
  readonly isLock: boolean;
  /** What the content must have as its hash. */
  readonly sha256: string | undefined;
}

function refusedUpload(upload: Exclude<Upload, { readonly kind: 'complete' }>, maxBytes: number): Answer {
  switch (upload.kind) {
    case 'too-large':
      return tooLarge(maxBytes);
    case 'no-room':
      return quotaUsedUp();
    case 'broken':
      return textAnswer(400, 'the body ended too early');
    default:
      return upload satisfies never;
  }
}

function tooLarge(maxBytes: number): Answer {
  return textAnswer(413, `a file may have ${maxBytes} bytes here`);
}

function quotaUsedUp(): Answer {
  return textAnswer(507, 'the space for these repositories is used up');
}

function alreadyThere(): Answer {
  return textAnswer(403, 'there is such a file already, and files are never replaced');
}
