import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { utf8 } from '../../base/bytes.ts';
import { faulty } from '../../storage/layers/faulty.ts';
import type { ServerEvent } from '../http/server-event.ts';
import type { RestServer } from './rest-server.ts';
import {
  ask,
  basic,
  content,
  id,
  packName,
  RestStage,
  sendRaw,
  shaUsers,
  statusOf,
} from '../../../test/support/rest-stage.ts';

let stage: RestStage;

beforeEach(() => {
  stage = new RestStage();
});

afterEach(() => stage[Symbol.asyncDispose]());

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
    const watched = faulty(stage.storage);
    const server = await stage.start(
      { access: { kind: 'users', accounts: await shaUsers('ana'), privateRepos: false } },
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
    const server = await stage.start({
      access: { kind: 'users', accounts: await shaUsers('ana'), privateRepos: false },
    });
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
    const server = await stage.start({
      access: { kind: 'users', accounts: await shaUsers('ana'), privateRepos: false },
    });
    expect(await ask(server, '/config', { headers })).toMatchObject({
      status: 401,
      headers: { 'www-authenticate': expect.stringMatching(/^Basic realm/) },
    });
  });

  it('many wrong passwords make an address wait, but not who is known', async () => {
    const server = await stage.start({
      access: { kind: 'users', accounts: await shaUsers('ana'), privateRepos: false },
    });
    expect(await statusOf(server, '/data/', { headers: basic('ana') })).toBe(200);
    for (let count = 0; count < 10; count++) await ask(server, '/data/', { headers: basic('ana', `${count}`) });
    const refused = await ask(server, '/data/', { headers: basic('ana', 'x') });
    expect(refused).toMatchObject({ status: 429, headers: { 'retry-after': '1' } });
    expect(await statusOf(server, '/data/', { headers: basic('ana') })).toBe(200);
  });

  it('a web page that a browser shows reaches nothing', async () => {
    const server = await stage.start();
    expect(await statusOf(server, '/data/', { headers: { Origin: 'http://evil.example' } })).toBe(403);
    expect(await statusOf(server, '/data/', { headers: { 'Sec-Fetch-Site': 'cross-site' } })).toBe(403);
    expect(await statusOf(server, '/data/', { headers: { Host: 'evil.example:8000' } })).toBe(403);
    expect(await statusOf(server, '/data/', { headers: { Host: 'localhost:8000' } })).toBe(200);
  });
});

const startPrivate = async (): Promise<RestServer> =>
  stage.start({
    access: { kind: 'users', accounts: await shaUsers('ana', 'bob', 'data', 'metrics'), privateRepos: true },
  });

describe('private repositories', () => {
  it('let a user reach what is below the own name', async () => {
    const server = await startPrivate();
    for (const path of ['/ana/config', '/ana/photos/config']) {
      expect(await statusOf(server, path, { method: 'POST', body: 'c', headers: basic('ana') })).toBe(200);
    }
    expect(await stage.names()).toEqual(['ana/config', 'ana/photos/config']);
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
    await stage.storage.write('bob/config', utf8('secret'));
    const server = await startPrivate();
    for (const method of ['GET', 'POST', 'DELETE']) {
      const got = await ask(server, path, { method, ...(method === 'POST' && { body: 'x' }), headers: basic('ana') });
      expect([403, 404]).toContain(got.status);
      expect(got.body).not.toContain('secret');
    }
    expect(await stage.names()).toEqual(['bob/config']);
  });

  it('give nothing to a user that is called like a type of files', async () => {
    await stage.storage.write('data/config', utf8('c'));
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
    await stage.storage.write('config', utf8('secret'));
    const server = await stage.start();
    for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'DELETE']) {
      expect(await statusOf(server, path, { method, ...(method === 'POST' && { body: content }) })).toBe(404);
    }
    expect(await stage.names()).toEqual(['config']);
  });

  it('may have spaces and other characters of names in folders', async () => {
    const server = await stage.start();
    expect(await statusOf(server, '/my%20disk/a%40b/config', { method: 'POST', body: 'c' })).toBe(200);
    expect(await stage.names()).toEqual(['my disk/a@b/config']);
  });

  it('of a method that means nothing there say what does', async () => {
    const server = await stage.start();
    expect(await ask(server, '/data/', { method: 'DELETE' })).toMatchObject({ status: 405, headers: { allow: 'GET' } });
  });
});

describe('headers', () => {
  it('that are huge are refused', async () => {
    const server = await stage.start();
    expect(await statusOf(server, '/config', { headers: { 'X-Big': 'x'.repeat(20_000) } })).toBe(431);
  });

  it.each([
    'POST /config HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
    'POST /config HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd',
    'POST /config HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n',
    'nonsense\r\n\r\n',
  ])('that can be read in two ways are refused: %j', async (bytes) => {
    expect(await sendRaw(await stage.start(), bytes)).toMatch(/^HTTP\/1\.1 400/);
    expect(await stage.names()).toEqual([]);
  });
});

describe('the end', () => {
  it('lets a running upload end first', async () => {
    const server = await stage.start();
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
    expect(await stage.names()).toEqual([packName]);
  });

  it('can come twice', async () => {
    const server = await stage.start();
    await server[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
    await expect(ask(server, '/healthz')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });
});

describe('a request as an event', () => {
  it('says who did what, and has no secret', async () => {
    const events: ServerEvent[] = [];
    const server = await stage.start({
      access: { kind: 'users', accounts: await shaUsers('ana'), privateRepos: false },
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
