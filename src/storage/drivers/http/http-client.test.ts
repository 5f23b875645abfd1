import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { concatBytes, equalBytes, utf8, utf8Lossy } from '../../../base/bytes.ts';
import { type HttpClientOptions, type HttpRequestDone, openHttpClient } from './http-client.ts';
import type { HttpRequest, HttpResponse } from './http-exchange.ts';

type Running = AsyncDisposable & { readonly url: URL };

async function listening(server: net.Server): Promise<Running> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: new URL(`http://127.0.0.1:${port}/`),
    [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

function serving(handler: http.RequestListener): Promise<Running> {
  return listening(http.createServer(handler));
}

/** Speaks to each connection by hand; connections are ended with the server. */
async function speaking(onConnection: (socket: net.Socket) => void): Promise<Running> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    onConnection(socket);
  });
  const running = await listening(server);
  return {
    url: running.url,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await running[Symbol.asyncDispose]();
    },
  };
}

async function ask(
  request: Partial<HttpRequest> & { url: URL },
  options: HttpClientOptions = {},
): Promise<HttpResponse> {
  await using client = await openHttpClient(options);
  return await client.request({ method: 'GET', action: 'read x', ...request });
}

async function failure(operation: Promise<unknown>): Promise<unknown> {
  return operation.then(
    () => expect.fail('it should have failed'),
    (error: unknown) => error,
  );
}

const echo: http.RequestListener = (request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => response.end(Buffer.concat(chunks)));
};

describe('a request', () => {
  it('sends the parts of a body one after the other, views of shared memory too', async () => {
    await using server = await serving(echo);
    const shared = new Uint8Array(new SharedArrayBuffer(3_000_000)).map((_, index) => index % 251);
    const body = [
      utf8('head'),
      shared.subarray(5, 2_900_000),
      new Uint8Array(),
      ...Array<Uint8Array>(500).fill(utf8('x')),
    ];
    const { status, body: got } = await ask({ url: server.url, method: 'PUT', body, largestBody: 4_000_000 });
    expect(status).toBe(200);
    expect(equalBytes(got, concatBytes(body))).toBe(true);
  });

  it('says how long its body is, empty ones too', async () => {
    await using server = await serving((request, response) =>
      response.end(request.headers['content-length'] ?? 'none'),
    );
    const length = async (body: readonly Uint8Array[] | undefined): Promise<string> =>
      utf8Lossy((await ask({ url: server.url, method: 'PUT', body })).body);
    expect([await length([utf8('ab'), utf8('c')]), await length([])]).toEqual(['3', '0']);
  });

  it('uses a connection again', async () => {
    const ports = new Set<number | undefined>();
    await using server = await serving((request, response) => {
      ports.add(request.socket.remotePort);
      response.end('ok');
    });
    await using client = await openHttpClient();
    for (let round = 0; round < 3; round++) await client.request({ method: 'GET', url: server.url, action: 'read x' });
    expect(ports.size).toBe(1);
  });

  it('gives headers, status and a body of its own, also for refusals', async () => {
    await using server = await serving((_, response) => response.writeHead(404, { 'x-thing': 'a' }).end('nothing'));
    const { status, headers, body } = await ask({ url: server.url });
    expect([status, headers['x-thing'], utf8Lossy(body)]).toEqual([404, 'a', 'nothing']);
    expect(body.buffer.byteLength).toBe(7);
  });

  it('reads a body whose length nobody announced', async () => {
    await using server = await serving((_, response) => {
      response.write('one ');
      response.end('two');
    });
    expect(utf8Lossy((await ask({ url: server.url })).body)).toBe('one two');
  });

  it('frees what it hands over once that has been taken, and not before', async () => {
    await using server = await serving((_, response) => response.end(Buffer.alloc(1_000_000, 7)));
    const chunks: Uint8Array[] = [];
    const whole: boolean[] = [];
    const take = async (chunk: Uint8Array): Promise<void> => {
      chunks.push(chunk);
      await turn();
      whole.push(chunk.length > 0 && chunk.every((byte) => byte === 7));
    };
    await ask({ url: server.url, divert: () => take });
    await turn();
    expect(chunks.length).toBeGreaterThan(1);
    expect(whole).not.toContain(false);
    expect(chunks.filter(({ length }) => length > 0)).toEqual([]);
  });

  it('has no body for HEAD, whatever length is announced', async () => {
    await using server = await serving((_, response) => response.writeHead(200, { 'content-length': 5000 }).end());
    const { headers, body } = await ask({ url: server.url, method: 'HEAD' });
    expect([headers['content-length'], body.length]).toEqual(['5000', 0]);
  });

  it('is counted with its bytes, whatever became of it', async () => {
    const done: HttpRequestDone[] = [];
    await using server = await serving(echo);
    await ask({ url: server.url, method: 'PUT', body: [utf8('abc')] }, { onRequest: (one) => done.push(one) });
    expect(done).toEqual([{ method: 'PUT', kind: 'PUT', status: 200, sentBytes: 3, receivedBytes: 3 }]);
  });

  it('is made again at once where a kept connection had been closed', async () => {
    const closing = new Set<net.Socket>();
    await using server = await serving((request, response) => {
      // The second request on a connection finds it closed, as after a pause.
      if (closing.has(request.socket)) request.socket.resetAndDestroy();
      else response.end('ok');
      closing.add(request.socket);
    });
    await using client = await openHttpClient();
    const get: HttpRequest = { method: 'GET', url: server.url, action: 'read x' };
    await client.request(get);
    expect((await client.request(get)).status).toBe(200);
    // One that must not happen twice is left to who asked.
    const once: HttpRequest = { ...get, method: 'PUT', headers: { 'if-none-match': '*' }, body: [] };
    expect(await failure(client.request(once))).toMatchObject({ code: 'STORAGE_UNREACHABLE', retry: 'later' });
  });

  it('takes an answer that comes before the body is sent', async () => {
    await using server = await speaking((socket) => {
      socket.write('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno');
    });
    const body = [new Uint8Array(30_000_000)];
    expect(await ask({ url: server.url, method: 'PUT', body })).toMatchObject({ status: 403 });
  });
});

describe('an abort', () => {
  it.each(['before the answer', 'in the middle of the answer'])('ends a request with its reason, %s', async (when) => {
    const controller = new AbortController();
    const reason = new Error('enough');
    await using server = await speaking((socket) => {
      if (when !== 'before the answer') socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nsome');
      setImmediate(() => controller.abort(reason));
    });
    expect(await failure(ask({ url: server.url, signal: controller.signal }))).toBe(reason);
  });

  it('that has been keeps a request from being made', async () => {
    const reason = new Error('enough');
    const url = new URL('http://127.0.0.1:1/');
    expect(await failure(ask({ url, signal: AbortSignal.abort(reason) }))).toBe(reason);
  });
});

describe('a bad connection', () => {
  it('that is refused is worth another try', async () => {
    const server = await serving(echo);
    await server[Symbol.asyncDispose]();
    expect(await failure(ask({ url: server.url }))).toMatchObject({
      code: 'STORAGE_UNREACHABLE',
      retry: 'later',
      facts: { system: 'ECONNREFUSED' },
    });
  });

  it('to a host that is not known is not', async () => {
    const error = await failure(ask({ url: new URL('http://no-such-host.invalid/') }));
    // A machine without any name server says EAI_AGAIN.
    expect(error).toMatchObject({ code: 'STORAGE_UNREACHABLE', facts: { host: 'no-such-host.invalid' } });
    expect(['ENOTFOUND never', 'EAI_AGAIN later']).toContain(
      inspect(error).includes('ENOTFOUND') ? `ENOTFOUND ${(error as { retry: string }).retry}` : 'EAI_AGAIN later',
    );
  });

  it.each([
    ['announced', 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nsome', { received: 4, announced: 9 }],
    ['in chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nsome\r\n', { received: 4 }],
  ])('that ends in the middle of a body gives no part of it: %s', async (_, text, facts) => {
    await using server = await speaking((socket) => socket.end(text));
    expect(await failure(ask({ url: server.url }))).toMatchObject({
      code: 'STORAGE_UNREACHABLE',
      retry: 'later',
      facts,
    });
  });

  it('that is reset is worth another try', async () => {
    await using server = await speaking((socket) => socket.once('data', () => socket.resetAndDestroy()));
    expect(await failure(ask({ url: server.url }))).toMatchObject({ code: 'STORAGE_UNREACHABLE', retry: 'later' });
  });

  it.each([
    ['never answers', { answerMs: 50 }, () => {}],
    [
      'stops in the middle of an answer',
      { stallMs: 50 },
      (socket: net.Socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nsome'),
    ],
  ])('on which the server %s is given up', async (_, timeouts, speak) => {
    await using server = await speaking((socket) => void socket.once('data', () => speak(socket)));
    const error = await failure(ask({ url: server.url }, { timeouts }));
    expect(error).toMatchObject({ code: 'STORAGE_UNREACHABLE', retry: 'later', facts: { afterMs: 50 } });
  });

  it('that takes no more bytes is given up', async () => {
    await using server = await speaking((socket) => socket.pause());
    const body = [new Uint8Array(50_000_000)];
    const error = await failure(ask({ url: server.url, method: 'PUT', body }, { timeouts: { stallMs: 100 } }));
    expect(error).toMatchObject({ code: 'STORAGE_UNREACHABLE', retry: 'later' });
  });

  it('with more bytes than expected is refused, announced or not', async () => {
    await using server = await serving((request, response) => {
      if (request.url === '/announced') response.setHeader('content-length', 1000);
      response.write('x'.repeat(500));
      response.end('x'.repeat(500));
    });
    for (const path of ['/announced', '/chunked']) {
      const error = await failure(ask({ url: new URL(path, server.url), largestBody: 999 }));
      expect(error).toMatchObject({ code: 'STORAGE_IO', retry: 'never' });
    }
  });

  it('never shows what the address holds besides the host', async () => {
    const server = await serving(echo);
    await server[Symbol.asyncDispose]();
    const url = new URL(`/p4th?q=s3cret`, server.url);
    const error = await failure(ask({ url, headers: { authorization: 's3cret' } }));
    expect(inspect(error, { depth: 9 })).not.toMatch(/s3cret|p4th/u);
  });
});

describe('a client', () => {
  it('names the certificate file that it cannot read', async () => {
    await expect(openHttpClient({ caFile: '/no/such/file.pem' })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      facts: { path: '/no/such/file.pem' },
    });
  });
});

const slowly = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 60));
const refuse = (): Promise<void> => Promise.reject(new Error('no more'));

describe('an answer to HEAD', () => {
  it('is understood although bytes follow it, and no request is sent behind them', async () => {
    let connections = 0;
    await using server = await speaking((socket) => {
      connections++;
      socket.on('data', () => socket.write('HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\nNot found'));
    });
    await using client = await openHttpClient();
    for (let times = 0; times < 2; times++) {
      const response = await client.request({ method: 'HEAD', action: 'look at x', url: server.url });
      expect([response.status, response.headers['content-length']]).toEqual([404, '9']);
    }
    expect(connections).toBe(2);
  });
});

describe('a secret', () => {
  const secrets: [string, Partial<HttpRequest>][] = [
    ['a password (Basic)', { headers: { authorization: 'Basic dXNlcjpwYXNz' } }],
    ['a token (Bearer)', { headers: { authorization: 'Bearer t0ken' } }],
    ['a token of Swift', { headers: { 'x-auth-token': 't0ken' } }],
    ['a key of Swift', { headers: { 'x-auth-key': 'k' } }],
    ['a key of a customer of S3', { headers: { 'x-amz-server-side-encryption-customer-key': 'a2V5' } }],
    ['a body that is said to hold one', { method: 'POST', body: [utf8('pass')], holdsSecret: true }],
  ];

  it.each(secrets)('%s is sent to no other machine in clear', async (_, request) => {
    let asked = 0;
    await using proxy = await serving((_request, response) => response.end(String(++asked)));
    const env = { HTTP_PROXY: proxy.url.href };
    const failed = await failure(ask({ url: new URL('http://nas.invalid:8000/x'), ...request }, { env }));
    expect(failed).toMatchObject({ code: 'SECRET_IN_CLEAR', retry: 'never', facts: { host: 'nas.invalid:8000' } });
    expect([inspect(failed).includes('t0ken'), asked]).toEqual([false, 0]);
  });

  it.each(['nas.invalid', 'other.example, NAS.invalid:8000'])('is where %j names its host', async (hosts) => {
    await using proxy = await serving((_, response) => response.end('got it'));
    const env = { HTTP_PROXY: proxy.url.href, CAIRN_CLEAR_TEXT_HOSTS: hosts };
    const [, [, request]] = secrets as [unknown, [string, Partial<HttpRequest>]];
    const { body } = await ask({ url: new URL('http://nas.invalid:8000/x'), ...request }, { env });
    expect(utf8Lossy(body)).toBe('got it');
  });

  it('is not where another port of it is named', async () => {
    const env = { CAIRN_CLEAR_TEXT_HOSTS: 'nas.invalid:9000' };
    const headers = { authorization: 'Bearer t0ken' };
    const failed = await failure(ask({ url: new URL('http://nas.invalid:8000/x'), headers }, { env }));
    expect(failed).toMatchObject({ code: 'SECRET_IN_CLEAR' });
  });

  it('is no signature, which is good for one request', async () => {
    await using proxy = await serving((_, response) => response.end('got it'));
    const headers = { authorization: 'AWS4-HMAC-SHA256 Credential=x' };
    const { body } = await ask(
      { url: new URL('http://nas.invalid/'), headers },
      { env: { HTTP_PROXY: proxy.url.href } },
    );
    expect(utf8Lossy(body)).toBe('got it');
  });

  it('goes to this machine as ever', async () => {
    await using server = await serving((request, response) => response.end(request.headers.authorization));
    const { body } = await ask({ url: server.url, headers: { authorization: 'Bearer t0ken' } });
    expect(utf8Lossy(body)).toBe('Bearer t0ken');
  });
});

describe('a paced request', () => {
  const body = new Uint8Array(300_000).fill(7);

  it('sends small pieces, each when it may', async () => {
    await using server = await serving(echo);
    const pieces: number[] = [];
    const pace = async (bytes: number): Promise<void> => void pieces.push(bytes);
    const { body: back } = await ask({ url: server.url, method: 'PUT', body: [body], pace });
    expect(equalBytes(back, body)).toBe(true);
    expect(Math.max(...pieces)).toBeLessThanOrEqual(16 * 1024);
    expect(pieces.reduce((sum, bytes) => sum + bytes)).toBe(body.length);
  });

  it('sends nothing before it may', async () => {
    let received = 0;
    await using server = await serving((request) => request.on('data', (chunk: Buffer) => (received += chunk.length)));
    const controller = new AbortController();
    const reason = new Error('enough');
    const pace = async (): Promise<void> => {
      controller.abort(reason);
      await new Promise(() => {});
    };
    const { signal } = controller;
    const failed = await failure(ask({ url: server.url, method: 'PUT', body: [body], pace, signal }));
    expect([failed, received]).toEqual([reason, 0]);
  });

  it('takes an answer piece by piece', async () => {
    await using server = await serving((_, response) => response.end(body));
    let taken = 0;
    const pace = async (bytes: number): Promise<void> => {
      taken += bytes;
      await new Promise(setImmediate);
    };
    const { body: answer } = await ask({ url: server.url, largestBody: Infinity, pace });
    expect([equalBytes(answer, body), taken]).toEqual([true, body.length]);
  });

  it('is not taken for one that stalls while it waits for its pace', async () => {
    await using server = await serving(echo);
    const request = { url: server.url, method: 'PUT', body: [body.subarray(0, 40_000)], pace: slowly } as const;
    expect((await ask(request, { timeouts: { stallMs: 20 } })).body).toHaveLength(40_000);
  });

  it('ends with what its pace throws', async () => {
    await using server = await serving(echo);
    expect(await failure(ask({ url: server.url, method: 'PUT', body: [body], pace: refuse }))).toMatchObject({
      message: 'no more',
    });
  });
});
