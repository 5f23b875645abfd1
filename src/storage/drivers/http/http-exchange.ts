import { constants } from 'node:buffer';
import http from 'node:http';
import https from 'node:https';
import { asBuffer } from '../../../base/bytes.ts';
import { CairnError } from '../../../base/errors.ts';
import { sliceParts, sizeOf } from '../../object-range.ts';
import type { OnBytes, Pace } from '../../storage.ts';
import { freeChunk, noteReceived } from './dropped-buffers.ts';
import { connectionLost, networkError, noProgress, type RequestContext } from './http-errors.ts';

/** Bytes handed to the system at once. Each is a step of progress, so a slow line is not taken for a dead one. */
const SEND_AT_ONCE = 256 * 1024;
/** The same where bytes are paced: small, so that a slow pace is an even one. */
const PACED_AT_ONCE = 16 * 1024;
/** Documents, such as listings and errors; whoever reads objects says how much it expects. */
const LARGEST_DOCUMENT = 16 * 1024 * 1024;

export interface HttpTimeouts {
  /** Until there is a connection, its encryption included. */
  readonly connectMs: number;
  /** Without a byte sent or received. */
  readonly stallMs: number;
  /** From the last byte sent to the first received: it holds what the system has buffered, and the server's work. */
  readonly answerMs: number;
}

export interface HttpRequest {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE';
  /** Must hold no user and password: send an `authorization` header. */
  readonly url: URL;
  /** Names in lower case. `host` and `content-length` are added. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Sent part by part without a copy; may view shared memory. Must not change until the promise is settled. */
  readonly body?: readonly Uint8Array[] | undefined;
  /**
   * In the place of `body`, a body of unknown size, sent as it comes: it may pause for as long as it likes, and a chunk may be
   * changed once the next one is asked for. What it throws ends the request unfinished, and is thrown. Not counted as sent.
   */
  readonly stream?: AsyncIterable<Uint8Array> | undefined;
  /** That the body or a header of one's own holds a password or a token. Known headers tell it by themselves (`clear-text.ts`). */
  readonly holdsSecret?: boolean | undefined;
  /** Of a POST: that it can be made twice without a difference. */
  readonly repeatable?: boolean | undefined;
  /** What the request is in the words of the driver, such as `PutObject`: for counting. */
  readonly kind?: string | undefined;
  /** What is done, for messages: `read data/ab/…`. */
  readonly action: string;
  /** A longer answer is refused; 16 MiB by default. */
  readonly largestBody?: number | undefined;
  /** Called before the next bytes of the body are sent; without a body, before more of the answer is taken. */
  readonly pace?: Pace | undefined;
  /** Who takes the body of this answer instead of the response, if anybody does; positions are those in the body. */
  readonly divert?: ((head: HttpResponseHead) => OnBytes | undefined) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface HttpResponseHead {
  readonly status: number;
  /** Names in lower case; those that came more than once are joined. */
  readonly headers: Readonly<http.IncomingHttpHeaders>;
}

export interface HttpResponse extends HttpResponseHead {
  /** All of the body, in an `ArrayBuffer` of its own. Empty for HEAD, and where it was diverted. */
  readonly body: Uint8Array<ArrayBuffer>;
  readonly bodyBytes: number;
  readonly diverted: boolean;
}

export interface ExchangeOptions {
  readonly agent: http.Agent;
  readonly timeouts: HttpTimeouts;
  readonly socketPath: string | undefined;
}

/** A kept connection had been closed by the server. The request was probably not read. */
export class StaleConnection extends Error {
  /** The error for those who do not try again at once. */
  readonly meaning: CairnError;

  constructor(meaning: CairnError) {
    super(meaning.message, { cause: meaning });
    this.name = 'StaleConnection';
    this.meaning = meaning;
  }
}

/** One request and its whole answer, over one connection of the agent. */
export async function exchange(request: HttpRequest, options: ExchangeOptions): Promise<HttpResponse> {
  request.signal?.throwIfAborted();
  using running = new Exchange(request, options);
  return await running.response;
}

class Exchange implements Disposable {
  readonly response: Promise<HttpResponse>;
  readonly #request: HttpRequest;
  readonly #timeouts: HttpTimeouts;
  readonly #context: RequestContext;
  readonly #outgoing: http.ClientRequest;
  readonly #settle: { resolve(response: HttpResponse): void; reject(error: unknown): void };
  #timer: NodeJS.Timeout | undefined;
  #answered = false;
  /** The whole answer to HEAD. */
  #head: HttpResponse | undefined;
  /** No byte moves because none is wanted: that is no stall. */
  #isPacing = false;
  #complete = false;
  /** Lets a stream end that waits for bytes to go out, which they never will. */
  #endStream: (() => void) | undefined;
  #isOver = false;

  constructor(request: HttpRequest, options: ExchangeOptions) {
    const { promise, resolve, reject } = Promise.withResolvers<HttpResponse>();
    this.response = promise;
    this.#settle = { resolve, reject };
    this.#request = request;
    this.#timeouts = options.timeouts;
    this.#context = { action: request.action, host: request.url.host };
    this.#outgoing = start(request, options);
    this.#watch(this.#timeouts.connectMs, 'the connection was not made');
    this.#outgoing.on('socket', (socket) => {
      // A kept connection is there at once.
      if (!socket.connecting) this.#connected();
      else socket.once(request.url.protocol === 'https:' ? 'secureConnect' : 'connect', () => this.#connected());
    });
    this.#outgoing.on('error', (error) => this.#fail(error));
    this.#outgoing.on('response', (response) => this.#receive(response));
    request.signal?.addEventListener('abort', this.#onAbort, { once: true });
    if (request.stream !== undefined) void this.#sendStream(request.stream);
    else this.#send(this.#sliced(request.body ?? []));
  }

  [Symbol.dispose](): void {
    this.#isOver = true;
    this.#endStream?.();
    clearTimeout(this.#timer);
    this.#request.signal?.removeEventListener('abort', this.#onAbort);
    // A connection on which something is left to send or to receive is of no use to the next request.
    if (!this.#complete || !this.#outgoing.writableFinished) this.#outgoing.destroy();
  }

  readonly #onAbort = (): void => this.#settle.reject(this.#request.signal?.reason);

  #connected(): void {
    this.#watch(this.#timeouts.stallMs, 'no byte could be sent');
  }

  /** Sends group after group. When the request ends otherwise, the next callback never comes, and that is the end. */
  #send(groups: Iterator<readonly Uint8Array[]>, then: () => void = () => this.#end()): void {
    if (this.#answered) return;
    const { value: group, done } = groups.next();
    if (done === true) return then();
    const { pace } = this.#request;
    if (pace === undefined) this.#sendGroup(group, groups, then);
    else this.#afterwards(pace(sizeOf(group)), () => this.#sendGroup(group, groups, then));
  }

  #sliced(parts: readonly Uint8Array[]): Iterator<readonly Uint8Array[]> {
    return sliceParts(parts, this.#request.pace === undefined ? SEND_AT_ONCE : PACED_AT_ONCE);
  }

  /** Chunk after chunk, until there is an answer: of a request that was refused, nothing more is read. */
  async #sendStream(stream: AsyncIterable<Uint8Array>): Promise<void> {
    try {
      // Nothing moves while a source makes its next chunk: that is no stall.
      this.#isPacing = true;
      for await (const chunk of stream) {
        this.#isPacing = false;
        this.#timer?.refresh();
        if (!this.#answered) await this.#sent(chunk);
        if (this.#answered || this.#isOver) return;
        this.#isPacing = true;
      }
      this.#isPacing = false;
      this.#end();
    } catch (error) {
      this.#settle.reject(error);
    }
  }

  #sent(chunk: Uint8Array): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#endStream = resolve;
    this.#send(this.#sliced([chunk]), resolve);
    return promise;
  }

  #end(): void {
    this.#outgoing.end(() => {
      if (!this.#answered) this.#watch(this.#timeouts.answerMs, 'no answer came');
    });
  }

  #sendGroup(group: readonly Uint8Array[], groups: Iterator<readonly Uint8Array[]>, then: () => void): void {
    if (this.#answered) return;
    this.#outgoing.cork();
    for (const [index, part] of group.entries()) {
      const last = index === group.length - 1;
      this.#outgoing.write(asBuffer(part), (error) => {
        if (!last || (error !== undefined && error !== null)) return;
        this.#timer?.refresh();
        this.#send(groups, then);
      });
    }
    this.#outgoing.uncork();
  }

  #handOver(takes: OnBytes, chunk: Buffer, position: number): Promise<void> | undefined {
    try {
      const busy = takes(chunk, position);
      if (busy === undefined) freeChunk(chunk);
      else
        busy.then(
          () => freeChunk(chunk),
          () => {},
        );
      return busy;
    } catch (error) {
      this.#settle.reject(error);
      return undefined;
    }
  }

  /** Goes on when the next bytes may move. */
  #afterwards(wait: Promise<void> | undefined, goOn: () => void): void {
    if (wait === undefined) return goOn();
    this.#isPacing = true;
    wait.then(
      () => {
        this.#isPacing = false;
        this.#timer?.refresh();
        goOn();
      },
      (error: unknown) => this.#settle.reject(error),
    );
  }

  #receive(response: http.IncomingMessage): void {
    this.#answered = true;
    this.#watch(this.#timeouts.stallMs, 'the answer stopped in the middle');
    const { statusCode: status = 0, headers } = response;
    if (this.#request.method === 'HEAD')
      this.#head = { status, headers, body: new Uint8Array(), bodyBytes: 0, diverted: false };
    const body = new Body(this.#request.method === 'HEAD' ? '0' : headers['content-length']);
    const largest = this.#request.largestBody ?? LARGEST_DOCUMENT;
    const { body: sent, stream } = this.#request;
    const pace = sent === undefined && stream === undefined ? this.#request.pace : undefined;
    const takes = this.#request.divert?.({ status, headers });
    if (body.announced !== undefined && body.announced > Math.min(largest, constants.MAX_LENGTH)) {
      this.#settle.reject(tooLong(this.#context, largest));
      return;
    }
    let busy: Promise<void> | undefined;
    response.on('data', (chunk: Buffer) => {
      this.#timer?.refresh();
      noteReceived(chunk);
      const { length } = chunk;
      if (body.received + length > largest) return this.#settle.reject(tooLong(this.#context, largest));
      busy = takes === undefined ? body.add(chunk) : this.#handOver(takes, chunk, body.pass(chunk));
      if (pace === undefined && busy === undefined) return;
      response.pause();
      const goOn = (): void => void response.resume();
      if (pace === undefined) this.#afterwards(busy, goOn);
      else this.#afterwards(busy, () => this.#afterwards(pace(length), goOn));
    });
    const cutOff = (cause?: unknown): void =>
      this.#settle.reject(connectionLost(this.#context, body.received, body.announced, cause));
    response.on('error', cutOff);
    response.on('end', () => {
      if (!response.complete || !body.isWhole) return cutOff();
      this.#complete = true;
      const diverted = takes !== undefined;
      const whole = {
        status,
        headers,
        body: diverted ? new Uint8Array() : body.bytes(),
        bodyBytes: body.received,
        diverted,
      };
      // The last bytes do not hold up the end as those before hold up the next ones.
      this.#afterwards(busy, () => this.#settle.resolve(whole));
    });
    // Comes after `end`, or instead of it.
    response.on('close', () => {
      if (!this.#complete) cutOff();
    });
  }

  #watch(afterMs: number, what: string): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      if (this.#isPacing) this.#watch(afterMs, what);
      else this.#settle.reject(noProgress(this.#context, what, afterMs));
    }, afterMs);
  }

  #fail(error: Error): void {
    // Some servers, Swift's among them, send bytes behind the answer to HEAD: it has been understood all the same, and the
    // connection is used no more.
    if (this.#head !== undefined && 'code' in error && String(error.code).startsWith('HPE_'))
      return this.#settle.resolve(this.#head);
    const meaning = networkError(this.#context, error);
    const stale = this.#outgoing.reusedSocket && !this.#answered && meaning.facts['system'] === 'ECONNRESET';
    this.#settle.reject(stale ? new StaleConnection(meaning) : meaning);
  }
}

function start(request: HttpRequest, { agent, socketPath }: ExchangeOptions): http.ClientRequest {
  const { url, method, body } = request;
  // A stream goes out in HTTP's own chunks, for want of a size.
  const size = body === undefined ? undefined : sizeOf(body);
  return (url.protocol === 'https:' ? https : http).request({
    agent,
    method,
    ...(socketPath === undefined ? {} : { socketPath }),
    hostname: url.hostname.replace(/^\[|\]$/gu, ''),
    port: url.port,
    path: url.pathname + url.search,
    headers: {
      ...request.headers,
      host: url.host,
      // Nothing is to compress on the way what is compressed already, or to change what is hashed.
      'accept-encoding': 'identity',
      ...(size === undefined ? {} : { 'content-length': String(size) }),
    },
  });
}

/** The bytes of an answer, in one piece of memory from the start where their number was announced. */
class Body {
  readonly announced: number | undefined;
  received = 0;
  #whole: Buffer<ArrayBuffer> | undefined;
  readonly #chunks: Buffer[] = [];

  constructor(contentLength: string | undefined) {
    this.announced = contentLength === undefined ? undefined : Number(contentLength);
  }

  add(chunk: Buffer): undefined {
    // Made with the first byte, so that a server that only announces much costs nothing. Not zeroed: filled or dropped.
    this.received += chunk.length;
    if (this.announced === undefined) {
      this.#chunks.push(chunk);
      return;
    }
    chunk.copy((this.#whole ??= Buffer.allocUnsafeSlow(this.announced)), this.received - chunk.length);
    freeChunk(chunk);
  }

  /** Counts what goes elsewhere, and says where it lies. */
  pass(chunk: Buffer): number {
    const position = this.received;
    this.received += chunk.length;
    return position;
  }

  get isWhole(): boolean {
    return this.announced === undefined || this.received === this.announced;
  }

  bytes(): Uint8Array<ArrayBuffer> {
    if (this.#whole !== undefined) return this.#whole;
    const joined = Buffer.allocUnsafeSlow(this.received);
    let offset = 0;
    for (const chunk of this.#chunks) offset += chunk.copy(joined, offset);
    return joined;
  }
}

function tooLong({ action, host }: RequestContext, largest: number): CairnError {
  return new CairnError(
    'STORAGE_IO',
    `cannot ${action}: ${host} answers with more than the ${largest} bytes expected`,
    {
      hint: 'Check that the address of the vault leads to the server that is meant.',
      facts: { host },
    },
  );
}
