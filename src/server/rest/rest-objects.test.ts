import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { utf8 } from '../../base/bytes.ts';
import { faulty } from '../../storage/layers/faulty.ts';
import type { ServerEvent } from '../http/server-event.ts';
import type { RestServer } from './rest-server.ts';
import {
  ask,
  content,
  id,
  other,
  packName,
  RestStage,
  sendRaw,
  statusOf,
  V2,
} from '../../../test/support/rest-stage.ts';

let stage: RestStage;

beforeEach(() => {
  stage = new RestStage();
});

afterEach(() => stage[Symbol.asyncDispose]());

describe('downloads', () => {
  it('have their length, also when only asked for', async () => {
    await stage.storage.write(packName, content);
    const server = await stage.start();
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
    await stage.storage.write(packName, content);
    const got = await ask(await stage.start(), `/data/${id}`, { headers: { Range: range } });
    expect(got).toMatchObject({ status, body });
    expect(got.headers['content-range']).toBe(contentRange);
  });

  it('of a range outside the file answer 416 with its size', async () => {
    await stage.storage.write(packName, content);
    expect(await ask(await stage.start(), `/data/${id}`, { headers: { Range: 'bytes=12-' } })).toMatchObject({
      status: 416,
      headers: { 'content-range': 'bytes */12' },
    });
  });

  it('are cut off when the stage.storage fails in the middle, so that nobody takes half for the whole', async () => {
    const big = new Uint8Array(40 * 1024 * 1024);
    await stage.storage.write('config', big);
    const failing = faulty(stage.storage, { how: 'fail', when: ({ kind, number }) => kind === 'read' && number > 2 });
    const events: ServerEvent[] = [];
    const server = await stage.start({ onEvent: (event) => events.push(event) }, failing);
    await expect(ask(server, '/config')).rejects.toThrow('aborted');
    expect(events.map(({ type }) => type)).toContain('failure');
  });

  it('that the stage.storage cannot give answer with a status and no details', async () => {
    await stage.storage.write('config', content);
    const server = await stage.start({}, faulty(stage.storage, { how: 'fail', when: ({ kind }) => kind === 'read' }));
    expect(await ask(server, '/config')).toMatchObject({ status: 500, body: 'STORAGE_IO\n' });
  });
});

describe('listings', () => {
  it('have sizes in version 2 and names only in version 1', async () => {
    await stage.storage.write(packName, content);
    const server = await stage.start();
    const second = await ask(server, '/data/', { headers: { Accept: V2 } });
    expect(second.headers['content-type']).toBe(V2);
    expect(JSON.parse(second.body)).toEqual([{ name: id, size: 12 }]);
    const first = await ask(server, '/data/');
    expect(first.headers['content-type']).toBe('application/vnd.x.restic.rest.v1');
    expect(JSON.parse(first.body)).toEqual([id]);
  });

  it('of nothing are empty', async () => {
    expect(await ask(await stage.start(), '/keys/')).toMatchObject({ status: 200, body: '[]' });
  });

  it('leave out what belongs to another repository or to nobody', async () => {
    await stage.storage.write(`repo/keys/${id}`, content);
    await stage.storage.write('keys/stranger', content);
    expect((await ask(await stage.start(), '/keys/')).body).toBe('[]');
  });

  it('that fail are cut off, never short', async () => {
    for (let count = 0; count < 2000; count++) {
      const name = createHash('sha256').update(`${count}`).digest('hex');
      await stage.storage.write(`keys/${name}`, content);
    }
    const server = await stage.start(
      {},
      faulty(stage.storage, { how: 'fail-after', when: ({ kind }) => kind === 'list' }),
    );
    await expect(ask(server, '/keys/')).rejects.toThrow('aborted');
  });
});

describe('uploads', () => {
  it('are stored under their name', async () => {
    const server = await stage.start();
    expect(await statusOf(server, `/data/${id}`, { method: 'POST', body: content })).toBe(200);
    expect(Buffer.from(await stage.storage.read(packName)).toString()).toBe('some content');
  });

  it('may come in chunks of unknown number', async () => {
    const server = await stage.start();
    const headers = { 'Transfer-Encoding': 'chunked' };
    expect(await statusOf(server, `/data/${id}`, { method: 'POST', body: content, headers })).toBe(200);
    expect(await stage.names()).toEqual([packName]);
  });

  it('keep every byte over many blocks', async () => {
    const bytes = Buffer.alloc(5 * 1024 * 1024 + 17, 'all the bytes');
    const name = createHash('sha256').update(bytes).digest('hex');
    const server = await stage.start();
    expect(await statusOf(server, `/index/${name}`, { method: 'POST', body: bytes })).toBe(200);
    expect(Buffer.compare(await stage.storage.read(`index/${name}`), bytes)).toBe(0);
  });

  it.each([{}, { 'Transfer-Encoding': 'chunked' }])(
    'with another hash than their name leave nothing: %j',
    async (headers) => {
      const server = await stage.start();
      expect(await statusOf(server, `/data/${other}`, { method: 'POST', body: content, headers })).toBe(400);
      expect(await stage.names()).toEqual([]);
    },
  );

  it('never replace anything', async () => {
    await stage.storage.write('config', utf8('first'));
    await stage.storage.write(packName, utf8('damaged'));
    const server = await stage.start();
    for (const path of ['/config', `/data/${id}`]) {
      expect(await statusOf(server, path, { method: 'POST', body: content })).toBe(403);
    }
    expect(Buffer.from(await stage.storage.read('config')).toString()).toBe('first');
  });

  it('of one name at once have one winner', async () => {
    const server = await stage.start();
    const statuses = await Promise.all(
      Array.from({ length: 8 }, (_, at) => statusOf(server, '/config', { method: 'POST', body: `writer ${at}` })),
    );
    expect(statuses.toSorted((a, b) => a - b)).toEqual([200, ...Array.from({ length: 7 }, () => 403)]);
  });

  it('that end half way leave nothing', async () => {
    const server = await stage.start();
    const head = `POST /data/${id} HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${content.length}\r\n\r\n`;
    await sendRaw(server, `${head}some`, { cut: true });
    await server[Symbol.asyncDispose]();
    expect(await stage.names()).toEqual([]);
  });

  it('in chunks that end half way leave nothing', async () => {
    const server = await stage.start();
    const head = 'POST /config HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nsome\r\n';
    await sendRaw(server, head, { cut: true });
    await server[Symbol.asyncDispose]();
    expect(await stage.names()).toEqual([]);
  });

  it('of which nothing comes are cut off', async () => {
    const server = await stage.start({ stallMs: 50 });
    const head = `POST /data/${id} HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${content.length}\r\n\r\n`;
    expect(await sendRaw(server, `${head}some`)).toBe('');
    expect(await stage.names()).toEqual([]);
  });

  it('that are too large are refused, announced or not', async () => {
    const server = await stage.start({ maxObjectBytes: 10 });
    expect(await statusOf(server, `/data/${id}`, { method: 'POST', body: content })).toBe(413);
    const headers = { 'Transfer-Encoding': 'chunked' };
    expect(await statusOf(server, `/data/${id}`, { method: 'POST', body: content, headers })).toBe(413);
    expect(await stage.names()).toEqual([]);
  });

  it('wait for memory and come through one after the other', async () => {
    const server = await stage.start({ maxObjectBytes: 100, uploadMemoryBytes: 100 });
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
    await stage.storage.write('config', content);
    const server = await stage.start();
    const head = 'POST /config HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nExpect: 100-continue\r\n';
    const answer = await sendRaw(server, `${head}Content-Length: 12\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1\.1 403/);
    const other = `POST /data/${id} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nExpect: 100-continue\r\n`;
    expect(await sendRaw(server, `${other}Content-Length: 12\r\n\r\nsome content`)).toMatch(/^HTTP\/1\.1 100 Continue/);
  });
});

describe('append-only', () => {
  it('lets nothing but locks be removed', async () => {
    for (const name of ['config', packName, `keys/${id}`, `snapshots/${id}`, `index/${id}`, 'values/k/t']) {
      await stage.storage.write(name, content);
    }
    const before = await stage.names();
    await stage.storage.write(`locks/${id}`, content);
    const server = await stage.start({ appendOnly: true });
    const paths = ['data', 'keys', 'snapshots', 'index'].map((type) => `/${type}/${id}`);
    for (const path of ['/config', '/.cairn/object/values/k/t', ...paths]) {
      expect(await statusOf(server, path, { method: 'DELETE' })).toBe(403);
    }
    expect(await statusOf(server, `/locks/${id}`, { method: 'DELETE' })).toBe(200);
    expect(await stage.names()).toEqual(before);
  });

  it('lets no object of the shelves be replaced', async () => {
    await stage.storage.write('values/k/t', utf8('first'));
    const server = await stage.start({ appendOnly: true });
    expect(await statusOf(server, '/.cairn/object/values/k/t', { method: 'PUT', body: 'second' })).toBe(403);
    expect(Buffer.from(await stage.storage.read('values/k/t')).toString()).toBe('first');
  });
});

const post = (server: RestServer, type: string, body: string, headers = {}): Promise<number> =>
  statusOf(server, `/${type}/${createHash('sha256').update(body).digest('hex')}`, { method: 'POST', body, headers });

describe('the quota', () => {
  it('counts what was there, what comes and what goes', async () => {
    await stage.storage.write('config', new Uint8Array(50));
    const server = await stage.start({ maxTotalBytes: 100 });
    expect(await post(server, 'data', 'a'.repeat(40))).toBe(200);
    expect(await post(server, 'data', 'b'.repeat(11))).toBe(507);
    expect(await statusOf(server, '/config', { method: 'DELETE' })).toBe(200);
    expect(await post(server, 'data', 'b'.repeat(60))).toBe(200);
    expect(server.quota?.usedBytes).toBe(100);
  });

  it('stops a body that said nothing of its length', async () => {
    const server = await stage.start({ maxTotalBytes: 100 });
    expect(await post(server, 'data', 'a'.repeat(101), { 'Transfer-Encoding': 'chunked' })).toBe(507);
    expect(server.quota?.usedBytes).toBe(0);
    expect(await stage.names()).toEqual([]);
  });

  it('is not used up by uploads that failed', async () => {
    const server = await stage.start({ maxTotalBytes: 100 });
    expect(await statusOf(server, `/data/${other}`, { method: 'POST', body: 'a'.repeat(90) })).toBe(400);
    expect(await post(server, 'data', 'a'.repeat(90))).toBe(200);
  });

  it('is not exceeded by uploads at once', async () => {
    const server = await stage.start({ maxTotalBytes: 100 });
    const statuses = await Promise.all(['a', 'b', 'c'].map((letter) => post(server, 'data', letter.repeat(40))));
    expect(statuses.toSorted((a, b) => a - b)).toEqual([200, 200, 507]);
  });

  it('leaves room for locks, without which nothing could be removed', async () => {
    await stage.storage.write('config', new Uint8Array(100));
    const server = await stage.start({ maxTotalBytes: 100 });
    expect(await post(server, 'locks', 'a lock')).toBe(200);
    expect(await post(server, 'locks', 'x'.repeat(20_000))).toBe(507);
  });
});

describe('the shelves', () => {
  it('are stored, replaced, listed and removed below a path of their own', async () => {
    const server = await stage.start();
    const path = '/repo/.cairn/object/archives/app/app.20261119T120000Z.tar.zst';
    expect(await statusOf(server, path, { method: 'POST', body: 'one' })).toBe(200);
    expect(await statusOf(server, path, { method: 'POST', body: 'two' })).toBe(403);
    expect(await statusOf(server, path, { method: 'PUT', body: 'three' })).toBe(200);
    expect((await ask(server, path)).body).toBe('three');
    expect(JSON.parse((await ask(server, '/repo/.cairn/list/archives/')).body)).toEqual([
      { name: 'archives/app/app.20261119T120000Z.tar.zst', size: 5 },
    ]);
    expect(await statusOf(server, path, { method: 'DELETE' })).toBe(200);
    expect(await stage.names()).toEqual([]);
  });
});
