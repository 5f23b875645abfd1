// The modules in examples/ that put backups into an application, over real HTTP.
import { serve, type ServerType } from '@hono/node-server';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import fastify from 'fastify';
import { Hono } from 'hono';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { backupPlugin } from '../../examples/fastify/backups.ts';
import { backupRoutes } from '../../examples/hono/backups.ts';
import { BackupsModule } from '../../examples/nestjs/backups-module.ts';
import type { BackupsOptions } from '../../examples/nestjs/backups-service.ts';
import { Secret } from '../../src/base/secret.ts';
import type { BackupHandlerOptions } from '../../src/server/embed/backup-handler.ts';
import { bearerToken } from '../../src/server/embed/bearer-token.ts';
import { initVault, openVault } from '../../src/vault/open-vault.ts';
import type { Vault } from '../../src/vault/vault.ts';

const TOKEN = 'a-token-of-some-length';

type Options = Omit<BackupHandlerOptions, 'basePath'>;

interface Application extends AsyncDisposable {
  readonly url: string;
}

async function honoApplication(options: Options): Promise<Application> {
  const routes = backupRoutes('/admin', options);
  const app = new Hono().route('/admin', routes.app);
  const server = await new Promise<ServerType>((resolve) => {
    const made: ServerType = serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 }, () => resolve(made));
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/admin`,
    [Symbol.asyncDispose]: async () => {
      await routes[Symbol.asyncDispose]();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function fastifyApplication(options: Options): Promise<Application> {
  const app = fastify({ forceCloseConnections: true });
  await app.register(backupPlugin, { prefix: '/admin', ...options });
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  return { url: `${url}/admin`, [Symbol.asyncDispose]: () => app.close() };
}

async function nestApplication({ vault, ...options }: Options): Promise<Application> {
  // oxlint-disable-next-line typescript/no-extraneous-class -- a module of Nest is a class
  class AppModule {}
  const useFactory = (): BackupsOptions => ({
    ...options,
    openVault: () => Promise.resolve(vault),
    path: '/admin',
    onTrouble: (_, error) => expect.unreachable(String(error)),
  });
  Module({ imports: [BackupsModule.register({ useFactory })] })(AppModule);
  // Nest's own body parsers are on, as in any application.
  const app = await NestFactory.create(AppModule, new ExpressAdapter(), { logger: false, abortOnError: false });
  await app.listen(0, '127.0.0.1');
  return { url: `${await app.getUrl()}/admin`, [Symbol.asyncDispose]: () => app.close() };
}

describe.each([
  ['hono', honoApplication],
  ['fastify', fastifyApplication],
  ['nestjs', nestApplication],
])('an application with %s', (_, start) => {
  let scratch: string;
  let vault: Vault;
  let application: Application;

  beforeEach(async () => {
    scratch = await mkdtemp(join(tmpdir(), 'cairn-application-'));
    await writeFile(join(scratch, 'a.txt'), 'hello');
    vault = await initVault(`memory:${scratch}`, { password: 'x', generatedKey: true, jobs: 1, cache: false });
    application = await start({
      vault,
      authorize: bearerToken(new Secret(TOKEN)),
      sources: {
        texts: { source: join(scratch, 'a.txt') },
        gone: { source: join(scratch, 'gone') },
        leaky: { source: { type: 'command', command: 'sh', args: ['-c', 'echo postgres://u:hunter22@h >&2; exit 1'] } },
        endless: {
          source: () =>
            Readable.from(
              (async function* () {
                for (;;) yield await new Promise<Buffer>((resolve) => setTimeout(resolve, 5, Buffer.alloc(1000)));
              })(),
            ),
        },
      },
    });
  });

  afterEach(async () => {
    await application[Symbol.asyncDispose]();
    await vault.close();
    await rm(scratch, { recursive: true });
  });

  const ask = (method: string, path: string, body?: unknown): Promise<Response> =>
    fetch(`${application.url}/${path}`, {
      method,
      headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });

  /** Begins a run and gives its id and its events. */
  async function run(source: string): Promise<{ readonly id: string; readonly events: string }> {
    const response = await ask('POST', 'backups', { source });
    expect(response.status).toBe(202);
    const { run } = (await response.json()) as { run: { id: string } };
    expect(response.headers.get('location')).toBe(`runs/${run.id}`);
    return { id: run.id, events: await (await ask('GET', `runs/${run.id}/events`)).text() };
  }

  it('backs a source up by its name, tells how far it is, and lists what is there', async () => {
    const { id, events } = await run('texts');
    expect(events).toMatch(/^event: progress\ndata: \{.*\}$/mu);
    expect(events).toContain('event: end\ndata: {"run":');
    expect(await (await ask('GET', `runs/${id}`)).json()).toMatchObject({ run: { status: 'complete', bytes: 5 } });
    expect(await (await ask('GET', 'backups?name=texts')).json()).toMatchObject({
      total: 1,
      backups: [{ name: 'texts', form: 'snapshot', bytes: 5 }],
    });
  });

  it.each([
    ['GET', 'backups'],
    ['POST', 'backups'],
    ['GET', 'runs/x'],
    ['GET', 'runs/x/events'],
    ['DELETE', 'runs/x'],
    ['GET', 'nothing'],
    ['PUT', 'backups'],
  ])('answers %s %s with 401 and nothing else where there is no token, or a wrong one', async (method, path) => {
    for (const headers of [{}, { authorization: `Bearer ${TOKEN}x` }, { authorization: `Basic ${TOKEN}` }]) {
      const response = await fetch(`${application.url}/${path}`, { method, headers });
      expect([response.status, await response.text()]).toEqual([401, '']);
    }
  });

  it('tells the code of a run that failed, and what to do', async () => {
    const { id } = await run('gone');
    const { run: document } = (await (await ask('GET', `runs/${id}`)).json()) as { run: object };
    expect(document).toMatchObject({ status: 'failed', backup: null, error: { code: 'SOURCE_MISSING' } });
  });

  it('tells no secret of what failed', async () => {
    const { id, events } = await run('leaky');
    const text = events + (await (await ask('GET', `runs/${id}`)).text());
    expect(text).toContain('COMMAND_FAILED');
    expect(text).not.toContain('hunter22');
  });

  it('runs a source once at a time, and stops it on request', async () => {
    const first = (await (await ask('POST', 'backups', { source: 'endless' })).json()) as { run: { id: string } };
    const second = await ask('POST', 'backups', { source: 'endless' });
    expect([second.status, await second.json()]).toMatchObject([409, { run: { id: first.run.id, status: 'running' } }]);
    expect((await ask('DELETE', `runs/${first.run.id}`)).status).toBe(202);
    expect(await (await ask('GET', `runs/${first.run.id}/events`)).text()).toContain('"code":"ABORTED"');
  });

  it('stops what runs when it goes down', async () => {
    await ask('POST', 'backups', { source: 'endless' });
    await application[Symbol.asyncDispose]();
    // The module of Nest closes the vault as well.
    await using again = await openVault(`memory:${scratch}`, { password: 'x', cache: false });
    expect(await Array.fromAsync(again.list())).toEqual([]);
    application = await start({ vault, authorize: () => false, sources: {} });
  });

  it.each([
    ['an unknown source', { source: 'nothing' }, 404],
    ['a name that objects have', { source: 'constructor' }, 404],
    ['no source', {}, 400],
    ['another body', [1], 400],
    ['too much', { source: 'x'.repeat(20_000) }, 413],
  ])('refuses %s', async (_, body, status) => {
    const response = await ask('POST', 'backups', body);
    expect(response.status).toBe(status);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
  });

  it('takes no body that a form of another site could send', async () => {
    const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': 'text/plain' };
    const response = await fetch(`${application.url}/backups`, { method: 'POST', headers, body: '{"source":"texts"}' });
    expect(response.status).toBe(415);
  });
});

const failingCheck = (): boolean => {
  throw new Error('the directory of users is down');
};

it('lets nobody in where the check fails', async () => {
  await using vault = await initVault('memory:closed', { password: 'x', generatedKey: true, cache: false });
  await using application = await honoApplication({ vault, authorize: failingCheck, sources: {} });
  expect((await fetch(`${application.url}/backups`)).status).toBe(401);
});

it('takes no token that can be guessed', () => {
  expect(() => bearerToken(new Secret('short'))).toThrow(expect.objectContaining({ code: 'ARGUMENT_INVALID' }));
});

it('takes no token that no request could carry', () => {
  const token = new Secret('long enough, with blanks\n');
  expect(() => bearerToken(token)).toThrow(expect.objectContaining({ code: 'ARGUMENT_INVALID' }));
});
