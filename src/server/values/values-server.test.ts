import { get, request } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../base/clock.ts';
import { openMemoryStorage } from '../../storage/drivers/memory.ts';
import { faulty } from '../../storage/layers/faulty.ts';
import { deleteValue } from '../../values/delete-value.ts';
import type { ValuesContext } from '../../values/value-shelf.ts';
import { answerUrl, urlOfValue, type ValueUrlOptions } from '../../values/value-url.ts';
import { setValue } from '../../values/write-value.ts';
import type { ServerEvent } from '../http/server-event.ts';
import { startValuesServer, type ValuesServer, type ValueUrls } from './values-server.ts';

const signingKey = (): Uint8Array => new Uint8Array(32).fill(7);
const running: ValuesServer[] = [];

interface Served {
  readonly server: ValuesServer;
  readonly context: ValuesContext;
  readonly events: ServerEvent[];
  readonly url: (key: string, options?: Partial<ValueUrlOptions>) => Promise<string>;
  /** Operations of the storage so far. */
  readonly asked: () => number;
}

async function serve(): Promise<Served> {
  const storage = faulty(openMemoryStorage());
  const context: ValuesContext = { storage, clock: systemClock, warn: () => {}, workFactor: 4 };
  const events: ServerEvent[] = [];
  const values: ValueUrls = { answerUrl: (request, call) => answerUrl(context, signingKey, request, call) };
  const server = await startValuesServer(values, {
    listen: { kind: 'tcp', host: '127.0.0.1', port: 0 },
    onEvent: (event) => events.push(event),
  });
  running.push(server);
  const url: Served['url'] = (key, options) =>
    urlOfValue(context, signingKey, key, { expiresIn: 60, base: server.url, ...options });
  return { server, context, events, url, asked: () => storage.operations.length };
}

afterEach(async () => {
  for (const server of running.splice(0)) await server[Symbol.asyncDispose]();
});

describe('a URL of a value', () => {
  it('B55: gives JSON that HTTP clients unpack by themselves', async () => {
    const { context, url } = await serve();
    await setValue(context, 'app/Settings', { some: 'data' }, {});
    const response = await fetch(await url('app/Settings'));
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(response.headers.get('content-encoding')).toBe('gzip');
    expect(await response.json()).toEqual({ some: 'data' });
  });

  it('B55: of one that is not compressed gives it as it is, of an encrypted one its age file', async () => {
    const { context, url } = await serve();
    await setValue(context, 'plain', [1], { compress: false });
    await setValue(context, 'sealed', 'secret', { password: 'x' });
    const plain = await fetch(await url('plain'));
    expect([plain.headers.get('content-encoding'), await plain.text()]).toEqual([null, '[1]']);
    const sealed = await fetch(await url('sealed'));
    expect(sealed.headers.get('content-type')).toBe('application/octet-stream');
    expect(await sealed.text()).toMatch(/^age-encryption.org\/v1\n/);
  });

  it('B55: for HEAD tells the size and nothing else, and serves no GET', async () => {
    const { context, url } = await serve();
    await setValue(context, 'k', 'value', { compress: false });
    const head = await url('k', { method: 'HEAD' });
    const response = await fetch(head, { method: 'HEAD' });
    expect([response.status, response.headers.get('content-length')]).toEqual([200, '7']);
    expect((await fetch(head)).status).toBe(403);
    expect((await fetch(await url('k'), { method: 'HEAD' })).status).toBe(403);
  });

  it('gives the version it was made for, whatever is set later', async () => {
    const { context, url } = await serve();
    await setValue(context, 'k', 'first', {});
    const first = await url('k');
    await setValue(context, 'k', 'second', {});
    expect(await (await fetch(first)).json()).toBe('first');
  });

  it('gives nothing once the key is deleted, also where its bytes are still there', async () => {
    const { context, url } = await serve();
    await setValue(context, 'k', 'value', {});
    const good = await url('k');
    await context.storage.write('values/k/99991231T000000.000Z.deleted', new Uint8Array([1]));
    expect((await fetch(good)).status).toBe(404);
    await deleteValue(context, 'k', {});
    expect((await fetch(good)).status).toBe(404);
  });

  it('B55: for a missing key is an error, unless that is not to be checked', async () => {
    const { url } = await serve();
    await expect(url('none')).rejects.toMatchObject({ code: 'VALUE_MISSING' });
    expect((await fetch(await url('none', { checkExists: false }))).status).toBe(404);
  });

  it.each([0, 604_801, 0.5])('cannot be good for %d seconds', async (expiresIn) => {
    const { context, url } = await serve();
    await setValue(context, 'k', 1, {});
    await expect(url('k', { expiresIn })).rejects.toMatchObject({ code: 'ARGUMENT_INVALID' });
  });

  it('needs a server where the storage makes none', async () => {
    const { context, url } = await serve();
    await setValue(context, 'k', 1, {});
    await expect(url('k', { base: undefined })).rejects.toMatchObject({ code: 'NOT_SUPPORTED' });
  });
});

describe('a server of values', () => {
  it('B55: answers what is altered or expired with 403, and asks the storage nothing', async () => {
    const { context, url, asked } = await serve();
    await setValue(context, 'k', 'value', {});
    const good = await url('k');
    const past = { ...context, clock: { ...systemClock, nowNs: () => systemClock.nowNs() - 61_000_000_000n } };
    const expired = await urlOfValue(past, signingKey, 'k', { expiresIn: 60, base: new URL(good).origin });
    const before = asked();
    for (const bad of [expired, good.replace('/k/', '/kk/'), good.replace('expires=', 'expires=9'), `${good}x`]) {
      expect((await fetch(bad)).status).toBe(403);
    }
    expect(asked()).toBe(before);
  });

  it.each([
    ['GET', '/'],
    ['GET', '/values/'],
    ['GET', '/values/k/'],
    ['GET', '/config'],
    ['GET', '/values/../config'],
    ['GET', '/values/%2e%2e/config'],
    ['POST', '/values/k'],
    ['DELETE', '/values/k'],
    ['PUT', '/healthz'],
    ['OPTIONS', '*'],
  ])('lists and takes nothing: %s %s is refused', async (method, path) => {
    const { server } = await serve();
    const status = await new Promise((resolve, reject) => {
      const sent = request(server.url, { method, path }, (response) => resolve(response.resume().statusCode));
      sent.on('error', reject);
      sent.end();
    });
    expect(status).toBe(403);
  });

  it('says that it is alive', async () => {
    const { server } = await serve();
    expect((await fetch(`${server.url}healthz`)).status).toBe(200);
  });

  it('tells of requests without what makes a URL good', async () => {
    const { context, url, events } = await serve();
    await setValue(context, 'k', 'value', {});
    const good = await url('k');
    await (await fetch(good)).text();
    await expect.poll(() => events.length).toBe(1);
    expect(events).toMatchObject([{ type: 'request', status: 200, path: new URL(good).pathname }]);
    expect(JSON.stringify(events)).not.toContain('signature');
  });

  it('says that a value is damaged, and not what is in it', async () => {
    const { context, url, events } = await serve();
    const { object } = await setValue(context, 'k', 'value', { compress: false });
    await context.storage.write(object, Buffer.from('"valuf"'));
    const response = await fetch(await url('k'));
    expect([response.status, await response.text()]).toEqual([500, 'VALUE_CORRUPT\n']);
    await expect.poll(() => events.map(({ type }) => type)).toEqual(['failure', 'request']);
  });

  it('lets a running answer end when it is closed', async () => {
    const { context, server, url } = await serve();
    await setValue(context, 'k', 'x'.repeat(8 * 1024 * 1024), { compress: false });
    const address = await url('k');
    const { promise, resolve } = Promise.withResolvers<number>();
    get(address, (response) => {
      void server[Symbol.asyncDispose]();
      let bytes = 0;
      response.on('data', (chunk: Buffer) => void (bytes += chunk.length)).on('end', () => resolve(bytes));
    });
    expect(await promise).toBe(8 * 1024 * 1024 + 2);
  });
});
