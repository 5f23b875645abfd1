// An HTTP server on 127.0.0.1 that keeps what it is sent and answers as told: Slack, Telegram and the others for tests.
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface ReceivedMessage {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface PlannedAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** No answer at all. */
  readonly hang?: boolean;
}

export interface MessageReceiver extends AsyncDisposable {
  readonly url: string;
  readonly received: readonly ReceivedMessage[];
  /** Answers of the next requests, in order; after them all are answered with 200. */
  readonly plan: PlannedAnswer[];
}

export async function startMessageReceiver(): Promise<MessageReceiver> {
  const received: ReceivedMessage[] = [];
  const plan: PlannedAnswer[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      received.push({ method, path: url, headers, body: Buffer.concat(chunks).toString() });
      const { status, headers: answered, body, hang } = plan.shift() ?? { status: 200 };
      if (hang !== true) response.writeHead(status, answered).end(body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    received,
    plan,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
