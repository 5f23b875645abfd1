// S3's cold classes in front of an S3 server that has none: it passes everything on, remembers which objects were put
// into GLACIER or DEEP_ARCHIVE, and answers for them as S3 does: GET with InvalidObjectState, HEAD with
// x-amz-storage-class and x-amz-restore, a listing with StorageClass, POST ?restore with 202, 200 or 409. Time passes when a test says so.
import { once } from 'node:events';
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const COLD = new Set(['GLACIER', 'DEEP_ARCHIVE']);
const NEEDED_MS: Readonly<Record<string, number>> = { Expedited: 300_000, Standard: 5 * HOUR_MS, Bulk: 12 * HOUR_MS };

interface ColdObject {
  readonly storageClass: string;
  readyAtMs: number;
  expiresAtMs: number;
}

export interface ColdS3Proxy extends AsyncDisposable {
  readonly endpoint: string;
  /** Paths of the objects that are in a cold class. */
  readonly coldPaths: readonly string[];
  /** Requests for retrievals, as `Standard 7 /bucket/…`. */
  readonly retrievals: readonly string[];
  pass(ms: number): void;
}

export async function startColdS3Proxy(upstream: string): Promise<ColdS3Proxy> {
  const proxy = new ColdProxy(new URL(upstream));
  await proxy.listen();
  return proxy;
}

class ColdProxy implements ColdS3Proxy {
  readonly retrievals: string[] = [];
  readonly #upstream: URL;
  readonly #objects = new Map<string, ColdObject>();
  readonly #server: http.Server;
  #shiftMs = 0;

  constructor(upstream: URL) {
    this.#upstream = upstream;
    this.#server = http.createServer((request, response) => {
      this.#answer(request, response).catch((error: unknown) => response.destroy(error as Error));
    });
  }

  async listen(): Promise<void> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get coldPaths(): readonly string[] {
    return [...this.#objects.keys()];
  }

  pass(ms: number): void {
    this.#shiftMs += ms;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost');
    const cold = this.#objects.get(pathname);
    if (request.method === 'POST' && searchParams.has('restore')) {
      await this.#restore(request, response, pathname, cold);
      return;
    }
    if (request.method === 'GET' && cold !== undefined && !this.#isReadable(cold)) {
      refuse(response, 403, 'InvalidObjectState', "The operation is not valid for the object's storage class");
      return;
    }
    const status = await this.#passOn(request, response, cold === undefined ? {} : this.#headersOf(cold));
    const storageClass = String(request.headers['x-amz-storage-class'] ?? '');
    if (status >= 300) return;
    if (request.method === 'PUT') this.#objects.delete(pathname);
    if (request.method === 'PUT' && COLD.has(storageClass)) {
      this.#objects.set(pathname, { storageClass, readyAtMs: Infinity, expiresAtMs: 0 });
    }
    if (request.method === 'DELETE') this.#objects.delete(pathname);
  }

  async #restore(
    request: IncomingMessage,
    response: ServerResponse,
    path: string,
    cold: ColdObject | undefined,
  ): Promise<void> {
    const body = Buffer.concat(await request.toArray()).toString();
    const tier = /<Tier>(\w+)<\/Tier>/.exec(body)?.[1] ?? '';
    const days = Number(/<Days>(\d+)<\/Days>/.exec(body)?.[1]);
    const neededMs = NEEDED_MS[tier];
    if (neededMs === undefined || Number.isNaN(days)) return refuse(response, 400, 'MalformedXML', 'not well-formed');
    if (cold === undefined) return refuse(response, 403, 'InvalidObjectState', 'Restore is not allowed');
    this.retrievals.push(`${tier} ${days} ${path}`);
    const now = this.#nowMs();
    const isThere = this.#isReadable(cold);
    if (!isThere && now < cold.readyAtMs && cold.expiresAtMs > now) {
      return refuse(response, 409, 'RestoreAlreadyInProgress', 'Object restore is already in progress');
    }
    if (!isThere) cold.readyAtMs = now + neededMs;
    cold.expiresAtMs = Math.ceil((Math.max(now, cold.readyAtMs) + days * DAY_MS) / DAY_MS) * DAY_MS;
    response.writeHead(isThere ? 200 : 202, { 'content-length': '0' }).end();
  }

  #isReadable({ readyAtMs, expiresAtMs }: ColdObject): boolean {
    const now = this.#nowMs();
    return now >= readyAtMs && now < expiresAtMs;
  }

  #headersOf(cold: ColdObject): Readonly<Record<string, string>> {
    const headers = { 'x-amz-storage-class': cold.storageClass };
    if (this.#nowMs() >= cold.expiresAtMs) return headers;
    const expiry = new Date(cold.expiresAtMs).toUTCString();
    const isThere = this.#isReadable(cold);
    return {
      ...headers,
      'x-amz-restore': isThere ? `ongoing-request="false", expiry-date="${expiry}"` : 'ongoing-request="true"',
    };
  }

  async #passOn(
    request: IncomingMessage,
    response: ServerResponse,
    headers: Readonly<Record<string, string>>,
  ): Promise<number> {
    const { hostname, port } = this.#upstream;
    // The host stays as it was signed.
    const outgoing = http.request({
      hostname,
      port,
      method: request.method,
      path: request.url,
      headers: request.headers,
    });
    request.pipe(outgoing);
    const [answer] = (await once(outgoing, 'response')) as [IncomingMessage];
    const status = answer.statusCode ?? 502;
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost');
    if (searchParams.has('list-type')) {
      const listing = this.#withClasses(pathname, Buffer.concat(await answer.toArray()).toString());
      const { 'content-length': _, 'transfer-encoding': __, ...others } = answer.headers;
      response.writeHead(status, others).end(listing);
      return status;
    }
    response.writeHead(status, { ...answer.headers, ...headers });
    answer.pipe(response);
    await once(answer, 'end');
    return status;
  }

  /** A listing of the server, with the classes it does not know of. */
  #withClasses(bucketPath: string, listing: string): string {
    const folder = bucketPath.endsWith('/') ? bucketPath : `${bucketPath}/`;
    return listing.replaceAll(/<Contents>.*?<\/Contents>/gsu, (entry) => {
      const key = /<Key>(.*?)<\/Key>/u.exec(entry)?.[1] ?? '';
      const cold = this.#objects.get(folder + key);
      if (cold === undefined) return entry;
      const bare = entry.replace(/<StorageClass>.*?<\/StorageClass>/u, '');
      return bare.replace('</Contents>', `<StorageClass>${cold.storageClass}</StorageClass></Contents>`);
    });
  }

  #nowMs(): number {
    return Date.now() + this.#shiftMs;
  }
}

function refuse(response: ServerResponse, status: number, code: string, message: string): void {
  const body = `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>${message}</Message></Error>`;
  response.writeHead(status, { 'content-type': 'application/xml', 'content-length': String(body.length) }).end(body);
}
