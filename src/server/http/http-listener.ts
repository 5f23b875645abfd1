import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Server as TlsServer } from 'node:https';
import { type ListenAddress, urlHost } from './listen-address.ts';
import { makeHttpServer, startListening, type TlsIdentity } from './start-listening.ts';

export interface HttpListenerOptions {
  readonly listen: ListenAddress;
  readonly tls?: TlsIdentity | undefined;
}

/** What every server of ours is: it listens, keeps count of requests, and lets them end before it does. */
export abstract class HttpListener implements AsyncDisposable {
  readonly #server: Server | TlsServer;
  readonly #listen: ListenAddress;
  readonly #scheme: 'http' | 'https';
  readonly #running = new Set<Promise<void>>();
  #isClosing = false;

  constructor({ listen, tls }: HttpListenerOptions) {
    this.#listen = listen;
    this.#scheme = tls === undefined ? 'http' : 'https';
    this.#server = makeHttpServer(tls);
    this.#server.on('request', (request, response) => this.#start(request, response, false));
    this.#server.on('checkContinue', (request, response) => this.#start(request, response, true));
  }

  /**
   * Answers one request, from its first byte to the last of the answer. `awaitsInvitation`: the client sends a body only
   * when it is told to (`Expect: 100-continue`).
   */
  protected abstract serve(
    request: IncomingMessage,
    response: ServerResponse,
    awaitsInvitation: boolean,
  ): Promise<void>;

  /** Where it listens, as a URL to connect to; the port is the real one where 0 was asked for. */
  get url(): string {
    const listen = this.#listen;
    if (listen.kind === 'unix') return `${this.#scheme}+unix://${listen.path}:/`;
    const bound = this.#server.address();
    const port = typeof bound === 'object' && bound !== null ? bound.port : listen.port;
    return `${this.#scheme}://${urlHost(listen.host)}:${port}/`;
  }

  /** Resolves once it listens. Throws `CONFIG_INVALID`. */
  async listen(): Promise<void> {
    await startListening(this.#server, this.#listen);
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

  #start(request: IncomingMessage, response: ServerResponse, awaitsInvitation: boolean): void {
    // What is written to a connection that broke is lost, and that is all.
    response.on('error', () => {});
    setSafeHeaders(response);
    if (this.#isClosing) response.setHeader('Connection', 'close');
    // A listener that throws must not end the server; its request is cut off.
    const run = this.serve(request, response, awaitsInvitation).catch(() => void response.destroy());
    this.#running.add(run);
    void run.finally(() => this.#running.delete(run));
  }
}

function setSafeHeaders(response: ServerResponse): void {
  response.setHeader('Server', 'cairn');
  response.setHeader('X-Content-Type-Options', 'nosniff');
  response.setHeader('Content-Security-Policy', "default-src 'none'; sandbox");
}
