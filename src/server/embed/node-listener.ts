import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

export type FetchHandler = (request: Request) => Promise<Response>;

/** A handler of `Request` and `Response` for frameworks that have Node's own: Express, Fastify, NestJS, `http.createServer`. */
export function nodeListener(
  handler: FetchHandler,
): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  return async (incoming, outgoing) => {
    const gone = new AbortController();
    outgoing.once('close', () => gone.abort());
    try {
      const request = requestOf(incoming, gone.signal);
      if (request === undefined) outgoing.writeHead(400, { connection: 'close' }).end();
      else await send(await handler(request), outgoing);
    } catch {
      // Nobody awaits a listener: an error that got out would end the program.
      if (outgoing.headersSent) outgoing.destroy();
      else outgoing.writeHead(500).end();
    }
  };
}

async function send(response: Response, outgoing: ServerResponse): Promise<void> {
  outgoing.writeHead(response.status, Object.fromEntries(response.headers));
  if (response.body === null) outgoing.end();
  else await pipeline(Readable.fromWeb(response.body), outgoing);
}

/** `undefined` for what HTTP has and a `Request` cannot be, such as the method TRACE. */
function requestOf(incoming: IncomingMessage, signal: AbortSignal): Request | undefined {
  try {
    return toRequest(incoming, signal);
  } catch {
    return undefined;
  }
}

function toRequest(incoming: IncomingMessage, signal: AbortSignal): Request {
  const { method = 'GET', headers } = incoming;
  // Only the path counts; the host is what the client says and is not looked at, also where a path begins with `//host`.
  const url = new URL(`http://localhost${fullPath(incoming)}`);
  const list = Object.entries(headers).flatMap(([name, value]): [string, string][] =>
    value === undefined ? [] : [[name, Array.isArray(value) ? value.join(', ') : value]],
  );
  const hasBody = method !== 'GET' && method !== 'HEAD';
  // Node declares the web streams of `node:stream/web` and the global ones apart; they are the same.
  return new Request(url, {
    method,
    headers: list,
    signal,
    ...(hasBody ? { body: Readable.toWeb(incoming) as ReadableStream<Uint8Array>, duplex: 'half' } : {}),
  });
}

/** Express, and NestJS with it, take the place where a listener is mounted off `url`, and keep the whole here. */
function fullPath(incoming: IncomingMessage): string {
  const original = 'originalUrl' in incoming ? incoming.originalUrl : undefined;
  return typeof original === 'string' ? original : (incoming.url ?? '/');
}
