import { readFile } from 'node:fs/promises';
import http from 'node:http';
import https from 'node:https';
import { isIPv4 } from 'node:net';
import { getCACertificates } from 'node:tls';
import { CairnError, messageOf } from '../../../base/errors.ts';
import { isLoopbackHost } from '../../../base/loopback-host.ts';
import { sizeOf } from '../../object-range.ts';
import { holdsSecret, refuseInClear } from './clear-text.ts';
import { exchange, type HttpRequest, type HttpResponse, type HttpTimeouts, StaleConnection } from './http-exchange.ts';

// node:http and not fetch: a body in parts is sent without being joined, shared memory included, and a
// certificate authority of one's own needs no further package. docs/adr/0008 has the measurement.

/** An idle connection is closed after this time: before most servers would, which costs a request. */
const IDLE_MS = 15_000;
/** Kept connections that may turn out to be closed before a request is given up. */
const STALE_TRIES = 8;

const defaultTimeouts: HttpTimeouts = { connectMs: 30_000, stallMs: 120_000, answerMs: 300_000 };

/** One finished request, for counting. */
export interface HttpRequestDone {
  readonly method: string;
  /** What the driver calls it; its method, where it has no other name. */
  readonly kind: string;
  /** Undefined where no answer came. */
  readonly status: number | undefined;
  readonly sentBytes: number;
  readonly receivedBytes: number;
}

export interface HttpClientOptions {
  /** Where the variables of proxies and of trusted hosts are; those of this process by default. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /** PEM file with authorities to trust besides the usual ones. */
  readonly caFile?: string | undefined;
  /** PEM file with the certificate and the key by which this side shows who it is. */
  readonly clientCertificateFile?: string | undefined;
  /** Path of a Unix socket to connect to, whatever host the URL names. */
  readonly socketPath?: string | undefined;
  readonly timeouts?: Partial<HttpTimeouts> | undefined;
  readonly onRequest?: ((done: HttpRequestDone) => void) | undefined;
}

/**
 * Makes requests and keeps connections for the next ones. Opens none yet. Throws `CONFIG_INVALID` where a
 * certificate file cannot be read. Proxies are those of `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`, never for loopback.
 */
export async function openHttpClient(options: HttpClientOptions = {}): Promise<HttpClient> {
  const ca = await readPem(options.caFile);
  const identity = await readPem(options.clientCertificateFile);
  const tls = {
    ...(ca === undefined ? {} : { ca: [...getCACertificates('default'), ca] }),
    ...(identity === undefined ? {} : { cert: identity, key: identity }),
  };
  return new HttpClient(tls, options);
}

async function readPem(path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined;
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new CairnError('CONFIG_INVALID', `cannot read the certificate file ${path}: ${messageOf(error)}`, {
      cause: error,
      facts: { path },
    });
  }
}

/** Connections to HTTP servers. Safe to use concurrently; bounds nothing, the limit layer does. */
export class HttpClient implements AsyncDisposable {
  readonly #options: HttpClientOptions;
  readonly #timeouts: HttpTimeouts;
  readonly #agents = new Map<string, http.Agent>();
  readonly #tls: https.AgentOptions;

  constructor(tls: https.AgentOptions, options: HttpClientOptions) {
    this.#tls = tls;
    this.#options = options;
    this.#timeouts = { ...defaultTimeouts, ...options.timeouts };
  }

  /**
   * Makes one request and reads all of the answer, whatever its status; redirects are not followed. Throws the
   * reason of an aborted signal unchanged, else `STORAGE_UNREACHABLE` where no whole answer came, and `SECRET_IN_CLEAR`
   * before anything is sent.
   */
  async request(request: HttpRequest): Promise<HttpResponse> {
    const { env, socketPath } = this.#options;
    if (socketPath === undefined && holdsSecret(request)) refuseInClear(request.url, env);
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#exchange(request);
      } catch (error) {
        if (!(error instanceof StaleConnection)) throw error;
        if (attempt === STALE_TRIES || !mayRepeat(request)) throw error.meaning;
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const agent of this.#agents.values()) agent.destroy();
    this.#agents.clear();
  }

  async #exchange(request: HttpRequest): Promise<HttpResponse> {
    let response: HttpResponse | undefined;
    try {
      const { socketPath } = this.#options;
      response = await exchange(request, { agent: this.#agent(request.url), timeouts: this.#timeouts, socketPath });
      return response;
    } finally {
      this.#options.onRequest?.({
        method: request.method,
        kind: request.kind ?? request.method,
        status: response?.status,
        sentBytes: sizeOf(request.body ?? []),
        receivedBytes: response?.bodyBytes ?? 0,
      });
    }
  }

  #agent({ protocol, hostname }: URL): http.Agent {
    const proxied = this.#options.socketPath === undefined && !isNearby(hostname);
    const key = `${protocol} ${proxied}`;
    const known = this.#agents.get(key);
    if (known !== undefined) return known;
    const options = {
      keepAlive: true,
      timeout: IDLE_MS,
      ...(proxied ? { proxyEnv: { ...(this.#options.env ?? process.env) } } : {}),
    };
    const made = protocol === 'https:' ? new https.Agent({ ...options, ...this.#tls }) : new http.Agent(options);
    this.#agents.set(key, made);
    return made;
  }
}

/** Whether a request that may have reached the server already can be made again without a difference. */
function mayRepeat({ method, headers = {}, stream, repeatable = false }: HttpRequest): boolean {
  return stream === undefined && (method !== 'POST' || repeatable) && headers['if-none-match'] === undefined;
}

/** Whether a host is this machine or, as the servers by which clouds hand out credentials are, on the link itself. */
function isNearby(hostname: string): boolean {
  return isLoopbackHost(hostname) || (isIPv4(hostname) && hostname.startsWith('169.254.'));
}
