// A TCP proxy on loopback that lets so many bytes of its clients through and holds those behind them: who sends them is in the middle
// of it then, for as long as a test likes, however fast or slow the machine is.
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { pipeline, Transform, type TransformCallback } from 'node:stream';

export class MeteredProxy implements AsyncDisposable {
  readonly #server: Server;
  /** Both sides of every connection. */
  readonly #sockets = new Set<Socket>();
  #left = 0;
  /** Connections that wait until more may go through. */
  #waiting: (() => void)[] = [];
  #onUsedUp: () => void = () => {};

  private constructor(target: number) {
    this.#server = createServer((client) => this.#join(client, connect(target, '127.0.0.1')));
  }

  /** Lets nothing through until it is told to. `target` is a port, where nobody need listen at all times. */
  static async start(target: number): Promise<MeteredProxy> {
    const proxy = new MeteredProxy(target);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Resolves when all connections together have sent so many more bytes to the server, and what follows is held. */
  async letThrough(bytes: number): Promise<void> {
    const usedUp = new Promise<void>((resolve) => (this.#onUsedUp = resolve));
    this.#allow(bytes);
    await usedUp;
  }

  /** From now on nothing is held. */
  open(): void {
    this.#allow(Number.POSITIVE_INFINITY);
  }

  /** What a system does for a dead client: its end would be seen here only behind what is held. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #allow(bytes: number): void {
    this.#left = bytes;
    for (const go of this.#waiting.splice(0)) go();
  }

  #join(client: Socket, server: Socket): void {
    for (const socket of [client, server]) {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    }
    const meter = new Transform({ transform: (chunk: Buffer, _, done) => this.#pass(chunk, meter, done) });
    // The end of one side, whatever it is, is that of the other.
    pipeline(client, meter, server, () => {});
    pipeline(server, client, () => client.destroy());
  }

  #pass(chunk: Buffer, meter: Transform, done: TransformCallback): void {
    if (meter.destroyed) return done();
    const part = chunk.subarray(0, this.#left);
    this.#left -= part.length;
    if (part.length > 0) meter.push(part);
    if (part.length === chunk.length) return done();
    this.#waiting.push(() => this.#pass(chunk.subarray(part.length), meter, done));
    this.#onUsedUp();
  }
}
