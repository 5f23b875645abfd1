// A slow network on loopback: an HTTP proxy that lets every request wait for a round trip, and all bytes share
// one bandwidth each way. It counts what passes, so that tools can be compared by requests and bytes too.
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Transform, type TransformCallback } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';

export interface LinkOptions {
  /** The server behind it, such as `http://127.0.0.1:8000`. */
  readonly target: string;
  /** From a request to the first byte of its answer, beside what the server takes. */
  readonly roundTripMs: number;
  /** Of all connections together, each way. */
  readonly bytesPerSecond: number;
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
  readonly #up: Bandwidth;
  readonly #down: Bandwidth;
  #requests: Record<string, number> = {};

  private constructor(options: LinkOptions) {
    this.#options = options;
    this.#up = new Bandwidth(options.bytesPerSecond);
    this.#down = new Bandwidth(options.bytesPerSecond);
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
    const traffic = { requests: this.#requests, uploadedBytes: this.#up.take(), downloadedBytes: this.#down.take() };
    this.#requests = {};
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
    try {
      await sleep(this.#options.roundTripMs);
      const url = new URL(request.url ?? '/', this.#options.target);
      // The host stays what the client said: it is part of what S3 signs.
      const forwarded = http.request(url, { method, headers, agent: this.#agent });
      const answered = new Promise<IncomingMessage>((resolve, reject) => {
        forwarded.on('response', resolve);
        forwarded.on('error', reject);
      });
      await pipeline(request, this.#up.meter(), forwarded);
      const answer = await answered;
      response.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
      await pipeline(answer, this.#down.meter(), response);
    } catch {
      response.destroy();
    }
  }
}

/** One direction of a link that all connections share. */
class Bandwidth {
  readonly #bytesPerSecond: number;
  #freeAt = 0;
  #bytes = 0;

  constructor(bytesPerSecond: number) {
    this.#bytesPerSecond = bytesPerSecond;
  }

  take(): number {
    const bytes = this.#bytes;
    this.#bytes = 0;
    return bytes;
  }

  meter(): Transform {
    return new Transform({
      transform: (chunk: Buffer, _encoding, done: TransformCallback) => {
        this.#bytes += chunk.length;
        const now = performance.now();
        this.#freeAt = Math.max(this.#freeAt, now) + (chunk.length / this.#bytesPerSecond) * 1000;
        setTimeout(() => done(null, chunk), this.#freeAt - now);
      },
    });
  }
}
