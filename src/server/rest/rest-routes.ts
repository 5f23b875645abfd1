import type { ObjectName, Storage } from '../../storage/storage.ts';
import { type Answer, textAnswer } from '../http/answer.ts';
import { ByteBudget } from '../http/byte-budget.ts';
import type { Quota } from './quota.ts';
import type { RestExchange } from './rest-exchange.ts';
import { inFolder, type RestTarget } from './rest-path.ts';
import { LIST_V1, LIST_V2, restEntry, sendList } from './send-list.ts';
import { largestSliceBytes, sendObject } from './send-object.ts';
import type { ServerMetrics } from './server-metrics.ts';
import { storeStream } from './store-stream.ts';
import { storeUpload, type UploadPlace } from './store-upload.ts';
import { announcedBytes } from './upload-body.ts';

const MIB = 1024 * 1024;
const MAX_CONFIG_BYTES = MIB;
const DOWNLOAD_MEMORY_BYTES = 128 * MIB;

export interface RouteOptions {
  readonly appendOnly: boolean;
  readonly quota: Quota | undefined;
  readonly metrics: ServerMetrics;
  readonly maxObjectBytes: number;
  readonly uploadMemoryBytes: number;
  readonly stallMs: number;
}

type FileTarget = Extract<RestTarget, { readonly kind: 'file' }>;
type ShelfObjectTarget = Extract<RestTarget, { readonly kind: 'shelf-object' }>;

/** What each path and method does with the storage. */
export class RestRoutes {
  readonly #storage: Storage;
  readonly #options: RouteOptions;
  readonly #uploads: UploadPlace;
  readonly #downloads = new ByteBudget(Math.max(DOWNLOAD_MEMORY_BYTES, largestSliceBytes));

  constructor(storage: Storage, options: RouteOptions) {
    this.#storage = storage;
    this.#options = options;
    this.#uploads = {
      storage,
      quota: options.quota,
      memory: new ByteBudget(Math.max(options.uploadMemoryBytes, options.maxObjectBytes)),
      stallMs: options.stallMs,
    };
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
          HEAD: (exchange) => this.#send(target.name, exchange, { tellsTime: target.type === 'locks' }),
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
          DELETE: (exchange) => this.#delete(target.name, isMark(target), exchange),
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

  #send(
    name: ObjectName,
    { request, response, signal, onSent }: RestExchange,
    { tellsTime = false } = {},
  ): Promise<Answer> {
    const { stallMs } = this.#options;
    return sendObject({
      storage: this.#storage,
      name,
      request,
      response,
      budget: this.#downloads,
      stallMs,
      tellsTime,
      signal,
      onSent,
    });
  }

  #save(target: FileTarget, exchange: RestExchange): Promise<Answer> {
    const maxBytes = target.type === 'config' ? MAX_CONFIG_BYTES : this.#options.maxObjectBytes;
    return storeUpload(this.#uploads, exchange, {
      name: target.name,
      maxBytes,
      replace: false,
      isLock: target.type === 'locks',
      // The config alone is not named by its content.
      sha256: target.type === 'config' ? undefined : target.id,
    });
  }

  #saveShelfObject(
    target: ShelfObjectTarget,
    exchange: RestExchange,
    wanted: { readonly replace: boolean },
  ): Promise<Answer> {
    const { name } = target;
    const replace = wanted.replace && (!this.#options.appendOnly || isMark(target));
    if (announcedBytes(exchange.request) === undefined) return storeStream(this.#uploads, exchange, { name, replace });
    return storeUpload(this.#uploads, exchange, {
      name,
      maxBytes: this.#options.maxObjectBytes,
      replace,
      isLock: false,
      sha256: undefined,
    });
  }

  async #delete(name: ObjectName, isPassing: boolean, { signal }: RestExchange): Promise<Answer> {
    if (this.#options.appendOnly && !isPassing) return textAnswer(403, 'append-only: nothing but locks can be removed');
    const { quota } = this.#options;
    const sizeBytes = quota === undefined ? 0 : ((await this.#storage.stat(name, { signal }))?.sizeBytes ?? 0);
    await this.#storage.remove(name, { signal });
    quota?.removed(sizeBytes);
    return textAnswer(200, 'ok');
  }
}

/** The mark of an archive that is being written: as passing as a lock. */
function isMark({ name, folder }: ShelfObjectTarget): boolean {
  return /^archives\/[^/]+\/[^/]+\.writing\.json$/u.test(name.slice(inFolder(folder, '').length));
}

async function sayAlive(): Promise<Answer> {
  return textAnswer(200, 'ok');
}
