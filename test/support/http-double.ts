// A server on loopback that answers as a test tells it, and remembers what it was asked.
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface AskedRequest {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface ToldAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Text as it is, anything else as JSON. */
  readonly body?: unknown;
  /** The connection ends in its place. */
  readonly isLost?: boolean;
}

export type Answering = (request: AskedRequest) => ToldAnswer;

export class HttpDouble implements AsyncDisposable {
  readonly url: string;
  readonly asked: AskedRequest[];
  readonly #server: Server;

  private constructor(server: Server, asked: AskedRequest[]) {
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    this.asked = asked;
    this.#server = server;
  }

  static async start(answer: Answering): Promise<HttpDouble> {
    const asked: AskedRequest[] = [];
    const server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const { method = '', url: path = '', headers } = request;
        const seen = { method, path, headers, body: Buffer.concat(chunks).toString('latin1') };
        asked.push(seen);
        const told = answer(seen);
        if (told.isLost === true) {
          request.socket.destroy();
          return;
        }
        const text = typeof told.body === 'string' ? told.body : JSON.stringify(told.body ?? {});
        response.writeHead(told.status ?? 200, told.headers);
        response.end(method === 'HEAD' || told.status === 204 ? undefined : text);
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new HttpDouble(server, asked);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
