import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Server as TlsServer } from 'node:https';
import type { Storage } from '../../storage/storage.ts';
import { answerOfError, sendAnswer } from './answer.ts';
import { type Access, Gate } from './gate.ts';
import { makeHttpServer, startListening, type TlsIdentity } from './http-listener.ts';
import { type ListenAddress, urlHost } from './listen-address.ts';
import { LoginThrottle } from './login-throttle.ts';
import { Quota } from './quota.ts';
import type { RestServerEvent } from './request-event.ts';
import { finished, limitRest, signalOf } from './request-lifetime.ts';
import type { RestExchange } from './rest-exchange.ts';
import { parseRestPath } from './rest-path.ts';
import { RestRoutes } from './rest-routes.ts';
import { ServerMetrics } from './server-metrics.ts';

const MIB = 1024 * 1024;

export interface RestServerOptions {
  readonly listen: ListenAddress;
  readonly access: Access;
  readonly tls?: TlsIdentity | undefined;
  /** Nothing but locks can be removed, and nothing replaced. */
  readonly appendOnly?: boolean;
  /** Bytes that all repositories together may take. */
  readonly maxTotalBytes?: number | undefined;
  /** Larger files are refused; packs have up to 128 MiB, the trees of huge directories more. */
  readonly maxObjectBytes?: number;
  /** Bytes of uploads held at once, until they are verified; further ones wait. */
  readonly uploadMemoryBytes?: number;
  /** A client that sends or takes nothing for so long is cut off. */
  readonly stallMs?: number;
  readonly onEvent?: (event: RestServerEvent) => void;
}

/** Serves restic's REST protocol over `storage`, which stays the caller's. Resolves once it listens. */
export async function startRestServer(
  storage: Storage,
  options: RestServerOptions,
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): Promise<RestServer> {
  const { maxTotalBytes } = options;
  const quota = maxTotalBytes === undefined ? undefined : await Quota.count(storage, maxTotalBytes, { signal });
  const server = new RestServer(storage, options, quota);
  await server.listen();
  return server;
}

/** A running server. Disposing it lets running requests end first. */
class RestServer implements AsyncDisposable {
  readonly #server: Server | TlsServer;
  readonly #options: RestServerOptions;
  readonly #gate: Gate;
  readonly #routes: RestRoutes;
  readonly #metrics = new ServerMetrics();
  readonly #running = new Set<Promise<void>>();
  readonly quota: Quota | undefined;
  #isClosing = false;

  constructor(storage: Storage, options: RestServerOptions, quota: Quota | undefined) {
    const { appendOnly = false, maxObjectBytes = 512 * MIB, uploadMemoryBytes = 512 * MIB, stallMs = 60_000 } = options;
    this.#options = options;
    this.quota = quota;
    this.#gate = new Gate(options.access, new LoginThrottle());
    this.#routes = new RestRoutes(storage, {
      appendOnly,
      quota,
      metrics: this.#metrics,
      maxObjectBytes,
      uploadMemoryBytes,
      stallMs,
    });
    this.#server = makeHttpServer(options.tls);
    const serve = (request: IncomingMessage, response: ServerResponse, awaitsInvitation: boolean): void => {
      // A listener that throws must not end the server; its request is cut off.
      const run = this.#serve(request, response, awaitsInvitation).catch(() => void response.destroy());
      this.#running.add(run);
      void run.finally(() => this.#running.delete(run));
    };
    this.#server.on('request', (request, response) => serve(request, response, false));
    this.#server.on('checkContinue', (request, response) => serve(request, response, true));
  }

  /** Where it listens, as a URL to connect to; the port is the real one where 0 was asked for. */
  get url(): string {
    const { listen, tls } = this.#options;
    const scheme = tls === undefined ? 'http' : 'https';
    if (listen.kind === 'unix') return `${scheme}+unix://${listen.path}:/`;
    const bound = this.#server.address();
    const port = typeof bound === 'object' && bound !== null ? bound.port : listen.port;
    return `${scheme}://${urlHost(listen.host)}:${port}/`;
  }

  async listen(): Promise<void> {
    await startListening(this.#server, this.#options.listen);
  }

  /** New connections use this certificate from now on. */
  renewTls({ cert, key }: TlsIdentity): void {
    if ('setSecureContext' in this.#server) this.#server.setSecureContext({ cert, key, minVersion: 'TLSv1.2' });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosing) return;
    this.#isClosing = true;
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    // Answers that are being made go out; connections that wait for a next request are of no use any more.
    this.#server.closeIdleConnections();
    while (this.#running.size > 0) await Promise.all(this.#running);
    this.#server.closeAllConnections();
    await closed;
  }

  async #serve(request: IncomingMessage, response: ServerResponse, awaitsInvitation: boolean): Promise<void> {
    const startedMs = performance.now();
    const [path = '', query = ''] = (request.url ?? '').split('?', 2);
    const method = request.method ?? '';
    let receivedBytes = 0;
    let sentBytes = 0;
    const exchange: RestExchange = {
      request,
      response,
      query,
      signal: signalOf(response),
      inviteBody: () => awaitsInvitation && response.writeContinue(),
      onReceived: (bytes) => void (receivedBytes += bytes),
      onSent: (bytes) => void (sentBytes += bytes),
    };
    // What is written to a connection that broke is lost, and that is all.
    response.on('error', () => {});
    setSafeHeaders(response);
    if (this.#isClosing) response.setHeader('Connection', 'close');
    const user = await this.#answer(path, exchange);
    limitRest(request, response, user === undefined && this.#options.access.kind === 'users' ? 1 * MIB : 64 * MIB);
    await finished(response);
    const status = response.writableFinished ? response.statusCode : 0;
    const address = request.socket.remoteAddress ?? 'unix';
    const durationMs = performance.now() - startedMs;
    const event = {
      type: 'request',
      address,
      user,
      method,
      path: path.slice(0, 300),
      status,
      receivedBytes,
      sentBytes,
      durationMs,
    } as const;
    this.#metrics.count(event);
    this.#options.onEvent?.(event);
  }

  /** Never throws: whatever goes wrong becomes a status. Returns who asked. */
  async #answer(path: string, exchange: RestExchange): Promise<string | undefined> {
    const { request, response, signal } = exchange;
    const isHead = request.method === 'HEAD';
    let user: string | undefined;
    try {
      const passage = await this.#gate.check(request, parseRestPath(path), signal);
      user = passage.user;
      const answer = passage.kind === 'refused' ? passage.answer : await this.#routes.answer(passage.target, exchange);
      sendAnswer(answer, response, isHead);
    } catch (error) {
      const answer = answerOfError(error);
      const isOurs = answer.kind === 'text' && answer.status >= 500;
      if (isOurs && !signal.aborted) {
        this.#options.onEvent?.({ type: 'failure', method: request.method ?? '', path: path.slice(0, 300), error });
      }
      sendAnswer(answer, response, isHead);
    }
    return user;
  }
}

export type { RestServer };

function setSafeHeaders(response: ServerResponse): void {
  response.setHeader('Server', 'cairn');
  // By this our client knows that there are shelves; a proxy may change `Server`.
  response.setHeader('Cairn-Rest', '1');
  response.setHeader('Cache-Control', 'no-store');
  response.setHeader('X-Content-Type-Options', 'nosniff');
  response.setHeader('Content-Security-Policy', "default-src 'none'; sandbox");
}
