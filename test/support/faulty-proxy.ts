// An HTTP proxy on loopback in front of a real server, which spoils what it is told to.
import { once } from 'node:events';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request as httpRequest,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';

/** Answers in place of the server, or spoils the connection. What the server said is there for those that had it asked. */
export interface Spoil {
  /** The server carries the request out; otherwise it never hears of it. */
  readonly asks: boolean;
  readonly answer: (response: ServerResponse, real: RealAnswer) => void;
}

interface RealAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

const instead = (answer: Spoil['answer']): Spoil => ({ asks: false, answer });

/** Half of what the server said, and then this; where it said nothing but a status, this alone. */
const halfThen = (end: (response: ServerResponse) => void): Spoil => ({
  asks: true,
  answer: (response, { status, headers, body }) => {
    if (body.length === 0) return end(response);
    response.writeHead(status, headers);
    response.write(body.subarray(0, body.length / 2), () => end(response));
  },
});

export const spoils: Readonly<Record<SpoilName, Spoil>> = {
  'answers 500': instead((response) => void response.writeHead(500).end('oops')),
  'answers 503 and asks for a pause': instead(
    (response) => void response.writeHead(503, { 'retry-after': '30' }).end(),
  ),
  'resets the connection': instead((response) => response.socket?.resetAndDestroy()),
  'closes the connection': instead((response) => void response.socket?.end()),
  'loses the answer': { asks: true, answer: (response) => response.socket?.resetAndDestroy() },
  'gives half of an answer': halfThen((response) => response.socket?.end()),
  'resets in the middle of an answer': halfThen((response) => response.socket?.resetAndDestroy()),
  'stops in the middle of an answer': halfThen(() => {}),
  'says nothing': instead(() => {}),
};

export type SpoilName =
  | 'answers 500'
  | 'answers 503 and asks for a pause'
  | 'resets the connection'
  | 'closes the connection'
  | 'loses the answer'
  | 'gives half of an answer'
  | 'resets in the middle of an answer'
  | 'stops in the middle of an answer'
  | 'says nothing';

export class FaultyProxy implements AsyncDisposable {
  readonly #server: Server;
  #spoil: Spoil | undefined;
  #left = 0;
  /** Requests that were spoiled. */
  spoiled = 0;

  private constructor(target: string) {
    this.#server = createServer((incoming, outgoing) => {
      const spoil = this.#left > 0 ? this.#spoil : undefined;
      this.#left--;
      if (spoil === undefined) return forward(incoming, outgoing, target);
      this.spoiled++;
      if (spoil.asks) return ask(incoming, target, (real) => spoil.answer(outgoing, real));
      // Read first, so that what a client sees does not depend on how much it had sent.
      incoming.resume().once('end', () => spoil.answer(outgoing, { status: 0, headers: {}, body: Buffer.alloc(0) }));
    });
  }

  /** `target` is an URL without a path. */
  static async start(target: string): Promise<FaultyProxy> {
    const proxy = new FaultyProxy(target);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** The next `times` requests go wrong. */
  spoil(times: number, spoil: Spoil): void {
    this.#spoil = spoil;
    this.#left = times;
    this.spoiled = 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

function send(incoming: IncomingMessage, target: string, answered: (answer: IncomingMessage) => void): void {
  const { method, headers, url = '' } = incoming;
  incoming.pipe(httpRequest(new URL(url, target), { method, headers }, answered));
}

function forward(incoming: IncomingMessage, outgoing: ServerResponse, target: string): void {
  send(incoming, target, (answer) => {
    outgoing.writeHead(answer.statusCode ?? 0, answer.headers);
    answer.pipe(outgoing);
  });
}

function ask(incoming: IncomingMessage, target: string, done: (real: RealAnswer) => void): void {
  send(incoming, target, (answer) => {
    const chunks: Buffer[] = [];
    answer.on('data', (chunk: Buffer) => chunks.push(chunk));
    answer.on('end', () =>
      done({ status: answer.statusCode ?? 0, headers: answer.headers, body: Buffer.concat(chunks) }),
    );
  });
}
