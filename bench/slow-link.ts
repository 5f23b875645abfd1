// A slow network on loopback: an HTTP proxy that lets every request wait for a round trip, and moves bytes at one
// bandwidth each way: of the line, which all connections share, or of each connection, as object storages have it.
// It counts what passes, so that tools can be compared by requests and bytes too.
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { Transform, type TransformCallback } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';

export interface LinkOptions {
  /** The server behind it, such as `http://127.0.0.1:8000`. */
  readonly target: string;
  /** From a request to the first byte of its answer, beside what the server takes. */
  readonly roundTripMs: number;
  /** Each way; no limit where it is undefined. */
  readonly bytesPerSecond: number | undefined;
  /** Each connection has that bandwidth; otherwise all have it together. */
  readonly perConnection: boolean;
}

/** What has passed since the last `take`. */
export interface Traffic {
  readonly requests: Readonly<Record<string, number>>;
  readonly uploadedBytes: number;
  readonly downloadedBytes: number;
}

export class SlowLink implements AsyncDisposable {
  readonly #server: http.Server;
  readonly #options: LinkOptions;
  readonly #agent = new http.Agent({ keepAlive: true });
  readonly #shared: Lanes;
  readonly #ofConnection = new WeakMap<Socket, Lanes>();
  #requests: Record<string, number> = {};
  #uploadedBytes = 0;
  #downloadedBytes = 0;

  private constructor(options: LinkOptions) {
    this.#options = options;
    this.#shared = makeLanes(options.bytesPerSecond);
    this.#server = http.createServer((request, response) => void this.#pass(request, response));
  }

  static async open(options: LinkOptions): Promise<SlowLink> {
    const link = new SlowLink(options);
    await new Promise<void>((resolve) => link.#server.listen(0, '127.0.0.1', resolve));
    return link;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  take(): Traffic {
    const traffic = {
      requests: this.#requests,
      uploadedBytes: this.#uploadedBytes,
      downloadedBytes: this.#downloadedBytes,
    };
    this.#requests = {};
    this.#uploadedBytes = 0;
    this.#downloadedBytes = 0;
    return traffic;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#agent.destroy();
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  async #pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = 'GET', headers } = request;
    this.#requests[method] = (this.#requests[method] ?? 0) + 1;
    const { up, down } = this.#lanes(request.socket);
    try {
      if (this.#options.roundTripMs > 0) await sleep(this.#options.roundTripMs);
      const url = new URL(request.url ?? '/', this.#options.target);
      // The host stays what the client said: it is part of what S3 signs.
      const forwarded = http.request(url, { method, headers, agent: this.#agent });
      const answered = new Promise<IncomingMessage>((resolve, reject) => {
        forwarded.on('response', resolve);
        forwarded.on('error', reject);
      });
      await pipeline(
        request,
        meter(up, (bytes) => (this.#uploadedBytes += bytes)),
        forwarded,
      );
      const answer = await answered;
      response.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
      await pipeline(
        answer,
        meter(down, (bytes) => (this.#downloadedBytes += bytes)),
        response,
      );
    } catch {
      response.destroy();
    }
  }

  #lanes(socket: Socket): Lanes {
    if (!this.#options.perConnection) return this.#shared;
    const known = this.#ofConnection.get(socket);
    if (known !== undefined) return known;
    const made = makeLanes(this.#options.bytesPerSecond);
    this.#ofConnection.set(socket, made);
    return made;
  }
}

interface Lanes {
  readonly up: Lane | undefined;
  readonly down: Lane | undefined;
}

function makeLanes(bytesPerSecond: number | undefined): Lanes {
  if (bytesPerSecond === undefined) return { up: undefined, down: undefined };
  return { up: new Lane(bytesPerSecond), down: new Lane(bytesPerSecond) };
}

/** Timers fire up to a millisecond or two late; a lane that lost so little time catches up, so that one connection gets all of it. */
const CATCH_UP_MS = 10;

/** One direction of a link. */
class Lane {
  readonly #bytesPerMs: number;
  #freeAt = 0;

  constructor(bytesPerSecond: number) {
    this.#bytesPerMs = bytesPerSecond / 1000;
  }

  /** Milliseconds until the last of these bytes has passed. */
  take(bytes: number): number {
    const now = performance.now();
    this.#freeAt = Math.max(this.#freeAt, now - CATCH_UP_MS) + bytes / this.#bytesPerMs;
    return this.#freeAt - now;
  }
}

function meter(lane: Lane | undefined, count: (bytes: number) => void): Transform {
  return new Transform({
    transform: (chunk: Buffer, _encoding, done: TransformCallback) => {
      count(chunk.length);
      const waitMs = lane?.take(chunk.length) ?? 0;
      if (waitMs < 1) done(null, chunk);
      else setTimeout(() => done(null, chunk), waitMs);
    },
  });
}
