import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { inspect } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { utf8 } from '../../../base/bytes.ts';
import type { Storage } from '../../storage.ts';
import { openHttpClient } from '../http/http-client.ts';
import { RestConnection } from './rest-connection.ts';
import { parseRestUrl } from './rest-location.ts';
import { openRestStorage, RestStorage } from './rest-storage.ts';

const content = utf8('0123456789');
const id = createHash('sha256').update(content).digest('hex');
const name = `data/${id.slice(0, 2)}/${id}`;

let server: Server | undefined;
let seen: IncomingMessage[] = [];

afterEach(() => {
  server?.closeAllConnections();
  server?.close();
  server = undefined;
  seen = [];
});

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** A storage at a server that answers as told. */
async function at(handler: Handler, { login = '', env = {} } = {}): Promise<Storage> {
  const { port } = await listen(handler);
  return openRestStorage(parseRestUrl(`rest:http://${login}127.0.0.1:${port}/r/`), { env });
}

async function listen(handler: Handler): Promise<{ readonly port: number | undefined }> {
  server = createServer((request, response) => {
    seen.push(request);
    request.resume();
    request.once('end', () => handler(request, response));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return { port: typeof address === 'object' ? address?.port : undefined };
}

const status =
  (code: number, body = '', headers: Record<string, string> = {}): Handler =>
  (_, response) =>
    void response.writeHead(code, headers).end(body);

/** Answers a range request with this. */
const part = (range: string, body: string): Handler => status(206, body, { 'Content-Range': range });

describe('a login', () => {
  it.each(['rest:http://ana:s3cret@nas.invalid/r/', 'rest:http://nas.invalid/r/'])(
    'is not sent in clear to %s',
    async (url) => {
      const env = { RESTIC_REST_USERNAME: 'ana', RESTIC_REST_PASSWORD: 's3cret' };
      await using storage = await openRestStorage(parseRestUrl(url), { env });
      await expect(storage.stat('config')).rejects.toMatchObject({ code: 'SECRET_IN_CLEAR' });
    },
  );

  it.each([
    [{ login: 'ana:p%40ss@' }, 'ana:p@ss'],
    [{ env: { RESTIC_REST_USERNAME: 'bob', RESTIC_REST_PASSWORD: 'x' } }, 'bob:x'],
    [{ login: 'ana:y@', env: { RESTIC_REST_USERNAME: 'bob', RESTIC_REST_PASSWORD: 'x' } }, 'ana:y'],
  ])('%j is sent with every request', async (options, sent) => {
    await using storage = await at(status(404), options);
    await storage.stat('config');
    expect(seen[0]?.headers.authorization).toBe(`Basic ${Buffer.from(sent).toString('base64')}`);
  });

  it('that is wrong is an error without it, and no missing vault', async () => {
    await using storage = await at(status(401, 'Unauthorized'), { login: 'ana:s3cret@' });
    const error = await storage.stat('config').catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'STORAGE_DENIED', retry: 'never' });
    expect(inspect({ error, storage }, { depth: 9 })).not.toContain('s3cret');
  });
});

describe('a read', () => {
  it('of a range takes it out of a whole answer, from a server that knows no ranges', async () => {
    await using storage = await at(status(200, '0123456789'));
    expect(Buffer.from(await storage.read(name, { offset: 3, length: 4 })).toString()).toBe('3456');
  });

  it.each([
    ['another start', part('bytes 0-3/10', '0123')],
    ['too much', part('bytes 3-7/10', '34567')],
    ['no range', status(206, '3456')],
  ])('refuses an answer with %s', async (_, handler) => {
    await using storage = await at(handler);
    await expect(storage.read(name, { offset: 3, length: 4 })).rejects.toMatchObject({ code: 'STORAGE_IO' });
  });

  it('refuses the half of what is left', async () => {
    await using storage = await at(part('bytes 3-5/10', '345'));
    await expect(storage.read(name, { offset: 3 })).rejects.toMatchObject({ code: 'STORAGE_IO' });
  });

  it('of a file that is cut says so', async () => {
    await using storage = await at(part('bytes 8-9/10', '89'));
    await expect(storage.read(name, { offset: 8, length: 4 })).rejects.toMatchObject({
      code: 'OBJECT_TRUNCATED',
      facts: { sizeBytes: 10 },
    });
  });
});

const list = (storage: Storage): Promise<string[]> => Array.fromAsync(storage.list('keys/'), (info) => info.name);
const answer = (body: string): Handler => status(200, body, { 'Content-Type': 'application/vnd.x.restic.rest.v2' });

describe('a listing', () => {
  it('leaves out what is no file of a repository', async () => {
    const body = JSON.stringify([
      { name: id, size: 10 },
      { name: `${id}.rest-server-temp123`, size: 3 },
      { name: '../config', size: 1 },
    ]);
    await using storage = await at(answer(body));
    expect(await list(storage)).toEqual([`keys/${id}`]);
  });

  it.each([
    '',
    'nonsense',
    '<html>',
    '{}',
    '[1]',
    `[{"name":"${id}"}]`,
    `[{"name":"${id}","size":-1}]`,
    `[{"name":"${id}","size":1.5}]`,
  ])('%j is none', async (body) => {
    await using storage = await at(answer(body));
    await expect(list(storage)).rejects.toMatchObject({ code: 'STORAGE_IO' });
  });

  it('that fails is no empty one', async () => {
    await using storage = await at(status(500));
    await expect(list(storage)).rejects.toMatchObject({ code: 'STORAGE_UNREACHABLE', retry: 'later' });
  });

  it('that was never made is an empty one', async () => {
    await using storage = await at(answer('null'));
    expect(await list(storage)).toEqual([]);
  });

  it('of a folder that is not there is an empty one', async () => {
    await using storage = await at(status(404));
    expect(await list(storage)).toEqual([]);
  });
});

async function hiding(handler: Handler): Promise<Storage> {
  const { port } = await listen(handler);
  const dialect = { url: 'rclone:r:', replaces: true, hidesFailures: true, explain: async () => 'ERROR : timeout' };
  const base = new URL(`http://127.0.0.1:${port}/`);
  return new RestStorage(new RestConnection(await openHttpClient(), base, undefined, dialect));
}

/** Finds nothing that it is asked for by name, and lists these ids. */
const listing =
  (...ids: readonly string[]): Handler =>
  ({ url = '' }, response) => {
    if (!url.endsWith('/')) {
      response.writeHead(404).end('Not Found');
      return;
    }
    const body = JSON.stringify(ids.map((name) => ({ name, size: 10 })));
    response.writeHead(200, { 'Content-Type': 'application/vnd.x.restic.rest.v2' }).end(body);
  };

describe('a server that says "not found" of what fails, as rclone does', () => {
  const failure = { code: 'STORAGE_IO', retry: 'later', message: expect.stringContaining('timeout') };

  it('has no empty listing where one fails', async () => {
    await using storage = await hiding(status(404, 'Not Found'));
    await expect(list(storage)).rejects.toMatchObject(failure);
  });

  const operations: Record<string, (storage: Storage, object: string) => Promise<unknown>> = {
    read: (storage, object) => storage.read(object),
    'look at': (storage, object) => storage.stat(object),
    remove: (storage, object) => storage.remove(object),
  };

  it.each(Object.keys(operations))('is not believed where it lists what it does not find: %s', async (operation) => {
    await using storage = await hiding(listing(id));
    await expect(operations[operation]?.(storage, name)).rejects.toMatchObject(failure);
  });

  it.each(Object.keys(operations))('is not believed where it cannot list either: %s', async (operation) => {
    await using storage = await hiding(status(404, 'Not Found'));
    await expect(operations[operation]?.(storage, name)).rejects.toMatchObject(failure);
  });

  it('is believed of what it does not list', async () => {
    await using storage = await hiding(listing('ef'.repeat(32)));
    expect(await storage.stat(name)).toBeUndefined();
    await storage.remove(name);
    await expect(storage.read(name)).rejects.toMatchObject({ code: 'OBJECT_MISSING' });
  });

  it('has a vault where it has keys, so that its config is no missing one', async () => {
    await using storage = await hiding(listing(id));
    await expect(storage.read('config')).rejects.toMatchObject(failure);
  });

  it('may have keys and no config yet, when a vault is made', async () => {
    await using storage = await hiding(listing(id));
    expect(await storage.stat('config')).toBeUndefined();
  });
});

/** Holds an object of this size and refuses all uploads. */
const holding =
  (sizeBytes: number): Handler =>
  ({ method }, response) =>
    void response
      .writeHead(method === 'HEAD' ? 200 : 403, method === 'HEAD' ? { 'Content-Length': sizeBytes } : {})
      .end();

describe('a write', () => {
  it('of what is there already, by the same content, is done', async () => {
    await using storage = await at(holding(10));
    await storage.write(name, content);
    expect(seen.map(({ method }) => method)).toEqual(['POST', 'HEAD']);
  });

  it('over an append-only server that holds something else says that', async () => {
    await using storage = await at(holding(3));
    await expect(storage.write(name, content)).rejects.toMatchObject({
      code: 'STORAGE_DENIED',
      hint: expect.stringContaining('append-only'),
    });
  });

  it('that is refused although nothing is there is an access denied', async () => {
    await using storage = await at(
      ({ method }, response) => void response.writeHead(method === 'HEAD' ? 404 : 403).end(),
    );
    await expect(storage.write(name, content, { ifAbsent: true })).rejects.toMatchObject({ code: 'STORAGE_DENIED' });
  });

  it('beyond the quota says that there is no room', async () => {
    await using storage = await at(status(507));
    await expect(storage.write(name, content)).rejects.toMatchObject({ code: 'STORAGE_FULL', retry: 'never' });
  });

  it('of a name that a repository does not have is refused before anything is sent', async () => {
    await using storage = await at(status(200));
    for (const other of ['data/ab/x', `data/ff/${id}`, `keys/${id}/x`, `other/${id}`, 'configuration']) {
      await expect(storage.write(other, content)).rejects.toMatchObject({ code: 'NOT_SUPPORTED' });
    }
    expect(seen).toEqual([]);
  });
});

describe('a removal', () => {
  it('that an append-only server refuses says that', async () => {
    await using storage = await at(status(403));
    await expect(storage.remove(name)).rejects.toMatchObject({
      code: 'STORAGE_DENIED',
      hint: expect.stringContaining('append-only'),
    });
  });
});
