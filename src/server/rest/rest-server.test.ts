import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { utf8 } from '../../base/bytes.ts';
import { openMemoryStorage } from '../../storage/drivers/memory.ts';
import { faulty } from '../../storage/layers/faulty.ts';
import type { Storage } from '../../storage/storage.ts';
import { Accounts } from './accounts.ts';
import type { ServerEvent } from '../http/server-event.ts';
import { type RestServer, type RestServerOptions, startRestServer } from './rest-server.ts';

const V2 = 'application/vnd.x.restic.rest.v2';
const content = utf8('some content');
const id = createHash('sha256').update(content).digest('hex');
const packName = `data/${id.slice(0, 2)}/${id}`;
const other = '0'.repeat(64);

let storage: Storage;
let open: RestServer[] = [];

beforeEach(() => {
  storage = openMemoryStorage();
});

afterEach(async () => {
  for (const server of open) await server[Symbol.asyncDispose]();
  open = [];
});

async function start(options: Partial<RestServerOptions> = {}, on: Storage = storage): Promise<RestServer> {
  const server = await startRestServer(on, {
    listen: { kind: 'tcp', host: '127.0.0.1', port: 0 },
    access: { kind: 'open', localOnly: true },
    ...options,
  });
  open.push(server);
  return server;
}

const hash = (name: string): string => createHash('sha1').update(`${name}-password`).digest('base64');

/** Users with SHA hashes, which cost no time. */
async function users(...names: readonly string[]): Promise<Accounts> {
  const folder = await mkdtemp(join(tmpdir(), 'cairn-users-'));
  try {
    const file = join(folder, 'users');
    await writeFile(file, names.map((name) => `${name}:{SHA}${hash(name)}\n`).join(''));
    return await Accounts.open(file);
  } finally {
    await rm(folder, { recursive: true });
  }
}

const basic = (user: string, password = `${user}-password`): Record<string, string> => ({
  Authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
});

interface Got {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly body: string;
}

interface Ask {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: Uint8Array | string;
}

/** Sends the path as it is: `fetch` would tidy it up. */
async function ask(server: RestServer, path: string, { method = 'GET', headers = {}, body }: Ask = {}): Promise<Got> {
  const { hostname, port } = new URL(server.url);
  const sent = request({ hostname, port, path, method, headers, agent: false });
  sent.end(body);
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  const chunks = await response.toArray();
  return { status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks).toString() };
}

const statusOf = async (...args: Parameters<typeof ask>): Promise<number> => (await ask(...args)).status;

/** Sends bytes as they are and closes; returns what came back. */
async function sendRaw(server: RestServer, bytes: string, { cut = false } = {}): Promise<string> {
  const { hostname, port } = new URL(server.url);
  const socket = connect(Number(port), hostname);
  await once(socket, 'connect');
  socket.write(bytes);
  if (cut) {
    // Long enough for the bytes to arrive; the test does not depend on it.
    await new Promise((resolve) => setTimeout(resolve, 50));
    socket.resetAndDestroy();
    return '';
  }
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.on('error', () => {});
  await once(socket, 'close');
  return Buffer.concat(chunks).toString();
}

const names = async (): Promise<string[]> => (await Array.fromAsync(storage.list(''), ({ name }) => name)).toSorted();

const everyRoute: readonly (readonly [method: string, path: string])[] = [
  '/',
  '/repo/',
  '/a/b/',
  '/?create=true',
  '/config',
  '/repo/config',
  '/data/',
  '/repo/keys/',
  `/data/${id}`,
  `/repo/locks/${id}`,
  '/.cairn/list/archives/',
  '/repo/.cairn/object/values/k/t',
  '/metrics',
  '/nothing',
  '/..%2f..%2fetc/passwd',
].flatMap((path) =>
  ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'].map((method) => [method, path] as const),
);

describe('without credentials', () => {
  it('every route answers 401 and touches nothing', async () => {
    const watched = faulty(storage);
    const server = await start(
      { access: { kind: 'users', accounts: await users('ana'), privateRepos: false } },
      watched,
    );
    const statuses = new Map<string, number>();
    for (const [method, path] of everyRoute) {
      const body = method === 'POST' || method === 'PUT' ? content : undefined;
      statuses.set(`${method} ${path}`, await statusOf(server, path, { method, ...(body && { body }) }));
    }
    expect([...statuses].filter(([, status]) => status !== 401)).toEqual([]);
    expect(watched.operations).toEqual([]);
  });

  it('only the health of the server can be asked', async () => {
    const server = await start({ access: { kind: 'users', accounts: await users('ana'), privateRepos: false } });
    expect(await ask(server, '/healthz')).toMatchObject({ status: 200, body: 'ok\n' });
  });

  it.each([
    ['another password', basic('ana', 'x')],
    ['another user', basic('eve')],
    ['an empty password', basic('ana', '')],
    ['no user', { Authorization: `Basic ${Buffer.from(':ana-password').toString('base64')}` }],
    ['another scheme', { Authorization: 'Bearer ana-password' }],
    ['no base64', { Authorization: 'Basic ?' }],
  ])('%s answers 401', async (_, headers) => {
    const server = await start({ access: { kind: 'users', accounts: await users('ana'), privateRepos: false } });
    expect(await ask(server, '/config', { headers })).toMatchObject({
      status: 401,
      headers: { 'www-authenticate': expect.stringMatching(/^Basic realm/) },
    });
  });

  it('many wrong passwords make an address wait, but not who is known', async () => {
    const server = await start({ access: { kind: 'users', accounts: await users('ana'), privateRepos: false } });
    expect(await statusOf(server, '/data/', { headers: basic('ana') })).toBe(200);
    for (let count = 0; count < 10; count++) await ask(server, '/data/', { headers: basic('ana', `${count}`) });
    const refused = await ask(server, '/data/', { headers: basic('ana', 'x') });
    expect(refused).toMatchObject({ status: 429, headers: { 'retry-after': '1' } });
    expect(await statusOf(server, '/data/', { headers: basic('ana') })).toBe(200);
  });

  it('a web page that a browser shows reaches nothing', async () => {
    const server = await start();
    expect(await statusOf(server, '/data/', { headers: { Origin: 'http://evil.example' } })).toBe(403);
    expect(await statusOf(server, '/data/', { headers: { 'Sec-Fetch-Site': 'cross-site' } })).toBe(403);
    expect(await statusOf(server, '/data/', { headers: { Host: 'evil.example:8000' } })).toBe(403);
    expect(await statusOf(server, '/data/', { headers: { Host: 'localhost:8000' } })).toBe(200);
  });
});

const startPrivate = async (): Promise<RestServer> =>
  start({ access: { kind: 'users', accounts: await users('ana', 'bob', 'data', 'metrics'), privateRepos: true } });

describe('private repositories', () => {
  it('let a user reach what is below the own name', async () => {
    const server = await startPrivate();
    for (const path of ['/ana/config', '/ana/photos/config']) {
      expect(await statusOf(server, path, { method: 'POST', body: 'c', headers: basic('ana') })).toBe(200);
    }
    expect(await names()).toEqual(['ana/config', 'ana/photos/config']);
  });

  it.each([
    '/config',
    '/bob/config',
    '/bob/data/',
    '/ana%2f..%2fbob/config',
    '/ana/../bob/config',
    '/ana/%2e%2e/config',
    '//bob/config',
    '/./bob/config',
    '/bob%00/config',
    '/BOB/config',
    '/ana/.cairn/object/values/../../../bob/config',
    '/metrics',
  ])('keep a user out of %s', async (path) => {
    await storage.write('bob/config', utf8('secret'));
    const server = await startPrivate();
    for (const method of ['GET', 'POST', 'DELETE']) {
      const got = await ask(server, path, { method, ...(method === 'POST' && { body: 'x' }), headers: basic('ana') });
      expect([403, 404]).toContain(got.status);
      expect(got.body).not.toContain('secret');
    }
    expect(await names()).toEqual(['bob/config']);
  });

  it('give nothing to a user that is called like a type of files', async () => {
    await storage.write('data/config', utf8('c'));
    const server = await startPrivate();
    expect(await statusOf(server, '/data/', { headers: basic('data') })).toBe(403);
    expect(await statusOf(server, '/data/config', { headers: basic('data') })).toBe(404);
  });

  it('show numbers to the user called metrics only', async () => {
    const server = await startPrivate();
    const got = await ask(server, '/metrics', { headers: basic('metrics') });
    expect(got.body).toContain('cairn_rest_requests_total');
  });
});

describe('paths', () => {
  it.each([
    '/../config',
    '/a/../../config',
    '/%2e%2e/config',
    '/..%2fconfig',
    '/a%2fb/config',
    '/a%5cb/config',
    '/%00/config',
    '/a%0a/config',
    '/%ff/config',
    '/%/config',
    '/.htpasswd',
    '/.hidden/config',
    '/a/b/c/config',
    '//config',
    '/data',
    '/data/..',
    '/data/../config',
    '/data/ab',
    `/data/${id.slice(0, 2)}/${id}`,
    `/data/${id.toUpperCase()}`,
    `/data/${id}/`,
    `/data/${id}%00`,
    `/unknown/${id}`,
    '/config/',
    '/data/config',
    '/.cairn/object/config',
    `/.cairn/object/data/${id}`,
    '/.cairn/object/archives/../../config',
    '/.cairn/object/archives/%2e%2e/%2e%2e/config',
    '/.cairn/object/archives/',
    '/.cairn/list/archives',
    '/.cairn/list/',
    `/${'a'.repeat(5000)}/config`,
  ])('%s is nothing, whatever is done to it', async (path) => {
    await storage.write('config', utf8('secret'));
    const server = await start();
    for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'DELETE']) {
      expect(await statusOf(server, path, { method, ...(method === 'POST' && { body: content }) })).toBe(404);
    }
    expect(await names()).toEqual(['config']);
  });

  it('may have spaces and other characters of names in folders', async () => {
    const server = await start();
    expect(await statusOf(server, '/my%20disk/a%40b/config', { method: 'POST', body: 'c' })).toBe(200);
    expect(await names()).toEqual(['my disk/a@b/config']);
  });

  it('of a method that means nothing there say what does', async () => {
    const server = await start();
    expect(await ask(server, '/data/', { method: 'DELETE' })).toMatchObject({ status: 405, headers: { allow: 'GET' } });
  });
});

describe('downloads', () => {
  it('have their length, also when only asked for', async () => {
    await storage.write(packName, content);
    const server = await start();
    expect(await ask(server, `/data/${id}`)).toMatchObject({
      status: 200,
      body: 'some content',
      headers: { 'content-length': '12', 'content-type': 'application/octet-stream' },
    });
    expect(await ask(server, `/data/${id}`, { method: 'HEAD' })).toMatchObject({
      status: 200,
      body: '',
      headers: { 'content-length': '12' },
    });
  });

  it.each([
    ['bytes=0-3', 206, 'some', 'bytes 0-3/12'],
    ['bytes=5-', 206, 'content', 'bytes 5-11/12'],
    ['bytes=-3', 206, 'ent', 'bytes 9-11/12'],
    ['bytes=8-99', 206, 'tent', 'bytes 8-11/12'],
    ['bytes=4-2', 200, 'some content', undefined],
    ['bytes=0-1,3-4', 200, 'some content', undefined],
    ['pages=1-2', 200, 'some content', undefined],
  ])('of %s answer %i', async (range, status, body, contentRange) => {
    await storage.write(packName, content);
    const got = await ask(await start(), `/data/${id}`, { headers: { Range: range } });
    expect(got).toMatchObject({ status, body });
    expect(got.headers['content-range']).toBe(contentRange);
  });

  it('of a range outside the file answer 416 with its size', async () => {
    await storage.write(packName, content);
    expect(await ask(await start(), `/data/${id}`, { headers: { Range: 'bytes=12-' } })).toMatchObject({
      status: 416,
      headers: { 'content-range': 'bytes */12' },
    });
  });

  it('are cut off when the storage fails in the middle, so that nobody takes half for the whole', async () => {
    const big = new Uint8Array(40 * 1024 * 1024);
    await storage.write('config', big);
    const failing = faulty(storage, { how: 'fail', when: ({ kind, number }) => kind === 'read' && number > 2 });
    const events: ServerEvent[] = [];
    const server = await start({ onEvent: (event) => events.push(event) }, failing);
    await expect(ask(server, '/config')).rejects.toThrow('aborted');
    expect(events.map(({ type }) => type)).toContain('failure');
  });

  it('that the storage cannot give answer with a status and no details', async () => {
    await storage.write('config', content);
    const server = await start({}, faulty(storage, { how: 'fail', when: ({ kind }) => kind === 'read' }));
    expect(await ask(server, '/config')).toMatchObject({ status: 500, body: 'STORAGE_IO\n' });
  });
});

describe('listings', () => {
  it('have sizes in version 2 and names only in version 1', async () => {
    await storage.write(packName, content);
    const server = await start();
    const second = await ask(server, '/data/', { headers: { Accept: V2 } });
    expect(second.headers['content-type']).toBe(V2);
    expect(JSON.parse(second.body)).toEqual([{ name: id, size: 12 }]);
    const first = await ask(server, '/data/');
    expect(first.headers['content-type']).toBe('application/vnd.x.restic.rest.v1');
    expect(JSON.parse(first.body)).toEqual([id]);
  });

  it('of nothing are empty', async () => {
    expect(await ask(await start(), '/keys/')).toMatchObject({ status: 200, body: '[]' });
  });

  it('leave out what belongs to another repository or to nobody', async () => {
    await storage.write(`repo/keys/${id}`, content);
    await storage.write('keys/stranger', content);
    expect((await ask(await start(), '/keys/')).body).toBe('[]');
  });

  it('that fail are cut off, never short', async () => {
    for (let count = 0; count < 2000; count++) {
      const name = createHash('sha256').update(`${count}`).digest('hex');
      await storage.write(`keys/${name}`, content);
    }
    const server = await start({}, faulty(storage, { how: 'fail-after', when: ({ kind }) => kind === 'list' }));
    await expect(ask(server, '/keys/')).rejects.toThrow('aborted');
  });
});

describe('uploads', () => {
  it('are stored under their name', async () => {
    const server = await start();
    expect(await statusOf(server, `/data/${id}`, { method: 'POST', body: content })).toBe(200);
    expect(Buffer.from(await storage.read(packName)).toString()).toBe('some content');
  });

  it('may come in chunks of unknown number', async () => {
    const server = await start();
    const headers = { 'Transfer-Encoding': 'chunked' };
    expect(await statusOf(server, `/data/${id}`, { method: 'POST', body: content, headers })).toBe(200);
    expect(await names()).toEqual([packName]);
  });

  it('keep every byte over many blocks', async () => {
    const bytes = Buffer.alloc(5 * 1024 * 1024 + 17, 'all the bytes');
    const name = createHash('sha256').update(bytes).digest('hex');
    const server = await start();
    expect(await statusOf(server, `/index/${name}`, { method: 'POST', body: bytes })).toBe(200);
    expect(Buffer.compare(await storage.read(`index/${name}`), bytes)).toBe(0);
  });

  it.each([{}, { 'Transfer-Encoding': 'chunked' }])(
    'with another hash than their name leave nothing: %j',
    async (headers) => {
      const server = await start();
      expect(await statusOf(server, `/data/${other}`, { method: 'POST', body: content, headers })).toBe(400);
      expect(await names()).toEqual([]);
    },
  );

  it('never replace anything', async () => {
    await storage.write('config', utf8('first'));
    await storage.write(packName, utf8('damaged'));
    const server = await start();
    for (const path of ['/config', `/data/${id}`]) {
      expect(await statusOf(server, path, { method: 'POST', body: content })).toBe(403);
    }
    expect(Buffer.from(await storage.read('config')).toString()).toBe('first');
  });

  it('of one name at once have one winner', async () => {
    const server = await start();
    const statuses = await Promise.all(
      Array.from({ length: 8 }, (_, at) => statusOf(server, '/config', { method: 'POST', body: `writer ${at}` })),
    );
    expect(statuses.toSorted((a, b) => a - b)).toEqual([200, ...Array.from({ length: 7 }, () => 403)]);
  });

  it('that end half way leave nothing', async () => {
    const server = await start();
    const head = `POST /data/${id} HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${content.length}\r\n\r\n`;
    await sendRaw(server, `${head}some`, { cut: true });
    await server[Symbol.asyncDispose]();
    expect(await names()).toEqual([]);
  });

  it('in chunks that end half way leave nothing', async () => {
    const server = await start();
    const head = 'POST /config HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nsome\r\n';
    await sendRaw(server, head, { cut: true });
    await server[Symbol.asyncDispose]();
    expect(await names()).toEqual([]);
  });

  it('of which nothing comes are cut off', async () => {
    const server = await start({ stallMs: 50 });
    const head = `POST /data/${id} HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${content.length}\r\n\r\n`;
    expect(await sendRaw(server, `${head}some`)).toBe('');
    expect(await names()).toEqual([]);
  });

  it('that are too large are refused, announced or not', async () => {
    const server = await start({ maxObjectBytes: 10 });
    expect(await statusOf(server, `/data/${id}`, { method: 'POST', body: content })).toBe(413);
    const headers = { 'Transfer-Encoding': 'chunked' };
    expect(await statusOf(server, `/data/${id}`, { method: 'POST', body: content, headers })).toBe(413);
    expect(await names()).toEqual([]);
  });

  it('wait for memory and come through one after the other', async () => {
    const server = await start({ maxObjectBytes: 100, uploadMemoryBytes: 100 });
    const bodies = Array.from({ length: 20 }, (_, at) => `content number ${at}`);
    const statuses = await Promise.all(
      bodies.map((body) => {
        const name = createHash('sha256').update(body).digest('hex');
        return statusOf(server, `/keys/${name}`, { method: 'POST', body });
      }),
    );
    expect(new Set(statuses)).toEqual(new Set([200]));
  });

  it('are not asked for when they will be refused', async () => {
    await storage.write('config', content);
    const server = await start();
    const head = 'POST /config HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nExpect: 100-continue\r\n';
    const answer = await sendRaw(server, `${head}Content-Length: 12\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1\.1 403/);
    const other = `POST /data/${id} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nExpect: 100-continue\r\n`;
    expect(await sendRaw(server, `${other}Content-Length: 12\r\n\r\nsome content`)).toMatch(/^HTTP\/1\.1 100 Continue/);
  });
});

describe('headers', () => {
  it('that are huge are refused', async () => {
    const server = await start();
    expect(await statusOf(server, '/config', { headers: { 'X-Big': 'x'.repeat(20_000) } })).toBe(431);
  });

  it.each([
    'POST /config HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
    'POST /config HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd',
    'POST /config HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n',
    'nonsense\r\n\r\n',
  ])('that can be read in two ways are refused: %j', async (bytes) => {
    expect(await sendRaw(await start(), bytes)).toMatch(/^HTTP\/1\.1 400/);
    expect(await names()).toEqual([]);
  });
});

describe('append-only', () => {
  it('lets nothing but locks be removed', async () => {
    for (const name of ['config', packName, `keys/${id}`, `snapshots/${id}`, `index/${id}`, 'values/k/t']) {
      await storage.write(name, content);
    }
    const before = await names();
    await storage.write(`locks/${id}`, content);
    const server = await start({ appendOnly: true });
    const paths = ['data', 'keys', 'snapshots', 'index'].map((type) => `/${type}/${id}`);
    for (const path of ['/config', '/.cairn/object/values/k/t', ...paths]) {
      expect(await statusOf(server, path, { method: 'DELETE' })).toBe(403);
    }
    expect(await statusOf(server, `/locks/${id}`, { method: 'DELETE' })).toBe(200);
    expect(await names()).toEqual(before);
  });

  it('lets no object of the shelves be replaced', async () => {
    await storage.write('values/k/t', utf8('first'));
    const server = await start({ appendOnly: true });
    expect(await statusOf(server, '/.cairn/object/values/k/t', { method: 'PUT', body: 'second' })).toBe(403);
    expect(Buffer.from(await storage.read('values/k/t')).toString()).toBe('first');
  });
});

const post = (server: RestServer, type: string, body: string, headers = {}): Promise<number> =>
  statusOf(server, `/${type}/${createHash('sha256').update(body).digest('hex')}`, { method: 'POST', body, headers });

describe('the quota', () => {
  it('counts what was there, what comes and what goes', async () => {
    await storage.write('config', new Uint8Array(50));
    const server = await start({ maxTotalBytes: 100 });
    expect(await post(server, 'data', 'a'.repeat(40))).toBe(200);
    expect(await post(server, 'data', 'b'.repeat(11))).toBe(507);
    expect(await statusOf(server, '/config', { method: 'DELETE' })).toBe(200);
    expect(await post(server, 'data', 'b'.repeat(60))).toBe(200);
    expect(server.quota?.usedBytes).toBe(100);
  });

  it('stops a body that said nothing of its length', async () => {
    const server = await start({ maxTotalBytes: 100 });
    expect(await post(server, 'data', 'a'.repeat(101), { 'Transfer-Encoding': 'chunked' })).toBe(507);
    expect(server.quota?.usedBytes).toBe(0);
    expect(await names()).toEqual([]);
  });

  it('is not used up by uploads that failed', async () => {
    const server = await start({ maxTotalBytes: 100 });
    expect(await statusOf(server, `/data/${other}`, { method: 'POST', body: 'a'.repeat(90) })).toBe(400);
    expect(await post(server, 'data', 'a'.repeat(90))).toBe(200);
  });

  it('is not exceeded by uploads at once', async () => {
    const server = await start({ maxTotalBytes: 100 });
    const statuses = await Promise.all(['a', 'b', 'c'].map((letter) => post(server, 'data', letter.repeat(40))));
    expect(statuses.toSorted((a, b) => a - b)).toEqual([200, 200, 507]);
  });

  it('leaves room for locks, without which nothing could be removed', async () => {
    await storage.write('config', new Uint8Array(100));
    const server = await start({ maxTotalBytes: 100 });
    expect(await post(server, 'locks', 'a lock')).toBe(200);
    expect(await post(server, 'locks', 'x'.repeat(20_000))).toBe(507);
  });
});

describe('the shelves', () => {
  it('are stored, replaced, listed and removed below a path of their own', async () => {
    const server = await start();
    const path = '/repo/.cairn/object/archives/app/app.20261119T120000Z.tar.zst';
    expect(await statusOf(server, path, { method: 'POST', body: 'one' })).toBe(200);
    expect(await statusOf(server, path, { method: 'POST', body: 'two' })).toBe(403);
    expect(await statusOf(server, path, { method: 'PUT', body: 'three' })).toBe(200);
    expect((await ask(server, path)).body).toBe('three');
    expect(JSON.parse((await ask(server, '/repo/.cairn/list/archives/')).body)).toEqual([
      { name: 'archives/app/app.20261119T120000Z.tar.zst', size: 5 },
    ]);
    expect(await statusOf(server, path, { method: 'DELETE' })).toBe(200);
    expect(await names()).toEqual([]);
  });
});

describe('the end', () => {
  it('lets a running upload end first', async () => {
    const server = await start();
    const { hostname, port } = new URL(server.url);
    const sent = request({
      hostname,
      port,
      path: `/data/${id}`,
      method: 'POST',
      agent: false,
      headers: { 'Content-Length': 12 },
    });
    sent.write('some ');
    await once(sent, 'socket');
    await expect.poll(() => statusOf(server, '/healthz')).toBe(200);
    const closed = server[Symbol.asyncDispose]();
    sent.end('content');
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    expect(response.statusCode).toBe(200);
    response.resume();
    await closed;
    expect(await names()).toEqual([packName]);
  });

  it('can come twice', async () => {
    const server = await start();
    await server[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
    await expect(ask(server, '/healthz')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });
});

describe('a request as an event', () => {
  it('says who did what, and has no secret', async () => {
    const events: ServerEvent[] = [];
    const server = await start({
      access: { kind: 'users', accounts: await users('ana'), privateRepos: false },
      onEvent: (event) => events.push(event),
    });
    await ask(server, `/repo/data/${id}?token=s3cret`, { method: 'POST', body: content, headers: basic('ana') });
    await expect.poll(() => events.length).toBe(1);
    expect(events[0]).toMatchObject({
      type: 'request',
      address: '127.0.0.1',
      user: 'ana',
      method: 'POST',
      path: `/repo/data/${id}`,
      status: 200,
      receivedBytes: 12,
    });
    expect(JSON.stringify(events)).not.toMatch(/s3cret|ana-password/);
  });
});
