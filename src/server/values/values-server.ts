// Answers the signed URLs of values, and nothing else: no listing, no other object, no method that changes anything.
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Server as TlsServer } from 'node:https';
import type { ValueUrlRequest } from '../../values/signed-url.ts';
import type { ValueUrlAnswer } from '../../values/value-url.ts';
import { type Answer, answerOfError, sendAnswer, textAnswer } from '../rest/answer.ts';
import { ByteBudget } from '../rest/byte-budget.ts';
import { makeHttpServer, startListening, type TlsIdentity } from '../rest/http-listener.ts';
import { type ListenAddress, urlHost } from '../rest/listen-address.ts';
import type { RestServerEvent } from '../rest/request-event.ts';
import { finished, limitRest, signalOf } from '../rest/request-lifetime.ts';

const MIB = 1024 * 1024;
/** What all answers together hold; a value has up to 17 MiB as it is stored. */
const DOWNLOAD_MEMORY_BYTES = 128 * MIB;
/** Nobody has anything to send here. */
const MAX_BODY_BYTES = 64 * 1024;

/** Who knows whether a URL is good: `vault.values`. */
export interface ValueUrls {
  answerUrl(request: ValueUrlRequest, options: { readonly signal?: AbortSignal | undefined }): Promise<ValueUrlAnswer>;
}

export interface ValuesServerOptions {
  readonly listen: ListenAddress;
  readonly tls?: TlsIdentity | undefined;
  /** A client that takes nothing for so long is cut off. */
  readonly stallMs?: number;
  readonly onEvent?: (event: RestServerEvent) => void;
}

/** Resolves once it listens. Disposing it lets running requests end first. */
export async function startValuesServer(values: ValueUrls, options: ValuesServerOptions): Promise<ValuesServer> {
  const server = new ValuesServer(values, options);
  await server.listen();
  return server;
}

class ValuesServer implements AsyncDisposable {
  readonly #server: Server | TlsServer;
  readonly #values: ValueUrls;
  readonly #options: ValuesServerOptions;
  readonly #running = new Set<Promise<void>>();
  readonly #memory = new ByteBudget(DOWNLOAD_MEMORY_BYTES);
  #isClosing = false;

  constructor(values: ValueUrls, options: ValuesServerOptions) {
    this.#values = values;
    this.#options = options;
    this.#server = makeHttpServer(options.tls);
    this.#server.on('request', (request, response) => {
      // A listener that throws must not end the server; its request is cut off.
      const run = this.#serve(request, response).catch(() => void response.destroy());
      this.#running.add(run);
      void run.finally(() => this.#running.delete(run));
    });
  }

  /** Where it listens; the port is the real one where 0 was asked for. What clients see may be another address. */
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
    this.#server.closeIdleConnections();
    while (this.#running.size > 0) await Promise.all(this.#running);
    this.#server.closeAllConnections();
    await closed;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const startedMs = performance.now();
    const [path = '', query = ''] = (request.url ?? '').split('?', 2);
    const method = request.method ?? '';
    // What is written to a connection that broke is lost, and that is all.
    response.on('error', () => {});
    setSafeHeaders(response);
    if (this.#isClosing) response.setHeader('Connection', 'close');
    // An answer that does not move holds memory that others wait for.
    response.setTimeout(this.#options.stallMs ?? 60_000, () => response.destroy());
    const sentBytes = await this.#answer({ path, query, method }, response);
    limitRest(request, response, MAX_BODY_BYTES);
    await finished(response);
    this.#options.onEvent?.({
      type: 'request',
      address: request.socket.remoteAddress ?? 'unix',
      user: undefined,
      method,
      path: path.slice(0, 300),
      status: response.writableFinished ? response.statusCode : 0,
      receivedBytes: 0,
      sentBytes,
      durationMs: performance.now() - startedMs,
    });
  }

  /** Never throws: whatever goes wrong becomes a status. Returns the bytes of a value that were sent. */
  async #answer(request: ValueUrlRequest, response: ServerResponse): Promise<number> {
    const signal = signalOf(response);
    const isHead = request.method === 'HEAD';
    try {
      if (request.path === '/healthz' && (isHead || request.method === 'GET')) {
        sendAnswer(textAnswer(200, 'ok'), response, isHead);
        return 0;
      }
      const answer = await this.#values.answerUrl(request, { signal });
      if (answer.kind === 'value') return await this.#send(answer, response, isHead, signal);
      sendAnswer(refusals[answer.kind], response, isHead);
    } catch (error) {
      const answer = answerOfError(error);
      const isOurs = answer.kind === 'text' && answer.status >= 500;
      if (isOurs && !signal.aborted) {
        const { method, path } = request;
        this.#options.onEvent?.({ type: 'failure', method, path: path.slice(0, 300), error });
      }
      sendAnswer(answer, response, isHead);
    }
    return 0;
  }

  async #send(
    value: Extract<ValueUrlAnswer, { kind: 'value' }>,
    response: ServerResponse,
    isHead: boolean,
    signal: AbortSignal,
  ): Promise<number> {
    const { contentType, contentEncoding, sizeBytes } = value;
    const setHead = (bytes: number): void => {
      response.setHeader('Content-Type', contentType);
      if (contentEncoding !== undefined) response.setHeader('Content-Encoding', contentEncoding);
      response.setHeader('Content-Length', bytes);
    };
    if (isHead) {
      setHead(sizeBytes);
      response.end();
      return 0;
    }
    using _held = await this.#memory.take(Math.min(sizeBytes, DOWNLOAD_MEMORY_BYTES), signal);
    const bytes = await value.read({ signal });
    setHead(bytes.length);
    // Held until the client has them: that is what the budget bounds. Ended only then, because a server that closes takes
    // a connection whose answer has ended for an idle one, and cuts it off.
    await Promise.race([new Promise<void>((resolve) => response.write(bytes, () => resolve())), finished(response)]);
    response.end();
    await finished(response);
    return response.writableFinished ? bytes.length : 0;
  }
}

export type { ValuesServer };

// One answer for all that is not signed: it tells a guesser nothing.
const refusals: Readonly<Record<'refused' | 'missing', Answer>> = {
  refused: textAnswer(403, 'this URL is not good, or not any more'),
  missing: textAnswer(404, 'there is no such value'),
};

function setSafeHeaders(response: ServerResponse): void {
  response.setHeader('Server', 'cairn');
  response.setHeader('Cache-Control', 'private, no-store');
  response.setHeader('X-Content-Type-Options', 'nosniff');
  response.setHeader('Content-Security-Policy', "default-src 'none'; sandbox");
  // The URL is the password: no page that is shown here may pass it on.
  response.setHeader('Referrer-Policy', 'no-referrer');
}
