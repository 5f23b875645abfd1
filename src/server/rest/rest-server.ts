import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Storage } from '../../storage/storage.ts';
import { answerOfError, sendAnswer } from '../http/answer.ts';
import { HttpListener, type HttpListenerOptions } from '../http/http-listener.ts';
import { finished, limitRest, signalOf } from '../http/request-lifetime.ts';
import { failureEvent, requestEvent, type ServerEvent } from '../http/server-event.ts';
import { type Access, Gate } from './gate.ts';
import { LoginThrottle } from './login-throttle.ts';
import { Quota } from './quota.ts';
import type { RestExchange } from './rest-exchange.ts';
import { parseRestPath } from './rest-path.ts';
import { RestRoutes } from './rest-routes.ts';
import { ServerMetrics } from './server-metrics.ts';

const MIB = 1024 * 1024;

export interface RestServerOptions extends HttpListenerOptions {
  readonly access: Access;
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
  readonly onEvent?: (event: ServerEvent) => void;
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
class RestServer extends HttpListener {
  readonly #options: RestServerOptions;
  readonly #gate: Gate;
  readonly #routes: RestRoutes;
  readonly #metrics = new ServerMetrics();
  readonly quota: Quota | undefined;

  constructor(storage: Storage, options: RestServerOptions, quota: Quota | undefined) {
    super(options);
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
  }

  protected override async serve(
    request: IncomingMessage,
    response: ServerResponse,
    awaitsInvitation: boolean,
  ): Promise<void> {
    const startedMs = performance.now();
    const [path = '', query = ''] = (request.url ?? '').split('?', 2);
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
    // By this our client knows that there are shelves; a proxy may change `Server`.
    response.setHeader('Cairn-Rest', '1');
    response.setHeader('Cache-Control', 'no-store');
    const user = await this.#answer(path, exchange);
    limitRest(request, response, user === undefined && this.#options.access.kind === 'users' ? 1 * MIB : 64 * MIB);
    await finished(response);
    const event = requestEvent(request, response, { startedMs, user, receivedBytes, sentBytes });
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
      if (isOurs && !signal.aborted) this.#options.onEvent?.(failureEvent(request, error));
      sendAnswer(answer, response, isHead);
    }
    return user;
  }
}

export type { RestServer };
