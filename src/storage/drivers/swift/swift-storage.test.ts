// What a real Swift does not do when asked to: test/conformance/swift.test.ts has what it does.
import { createHash } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import {
  type Answering,
  type AskedRequest,
  HttpDouble,
  type ToldAnswer,
} from '../../../../test/support/http-double.ts';
import { utf8 } from '../../../base/bytes.ts';
import { retrying } from '../../layers/retry.ts';
import type { Storage } from '../../storage.ts';
import { openSwiftStorage } from './swift-storage.ts';

let server: HttpDouble | undefined;

afterEach(async () => {
  await server?.[Symbol.asyncDispose]();
  server = undefined;
});

/** A container at a server that answers as told, once somebody has logged in. */
async function at(answer: Answering): Promise<Storage> {
  let tokens = 0;
  server = await HttpDouble.start((request) =>
    request.path === '/auth/v1.0'
      ? { headers: { 'x-auth-token': `t${++tokens}`, 'x-storage-url': `${server?.url}/v1/AUTH_a` } }
      : answer(request),
  );
  return openSwiftStorage('swift:c:/p', {
    environment: { ST_AUTH: `${server.url}/auth/v1.0`, ST_USER: 'u', ST_KEY: 'k' },
    streamPartBytes: 10,
  });
}

/** The same, where nothing has segments yet. */
function whole(answer: Answering): Promise<Storage> {
  return at((request) => (request.path.includes('c_segments?') ? { status: 404 } : answer(request)));
}

const kinds = (): string[] =>
  (server?.asked ?? [])
    .filter(({ path }) => !path.includes('c_segments?'))
    .map(({ method, path }) => `${method} ${path}`);

describe('a proxy', () => {
  it('is the one of the variables that were given', async () => {
    const address = { 'x-auth-token': 't', 'x-storage-url': 'http://swift.invalid/v1/AUTH_a' };
    server = await HttpDouble.start(({ method }) =>
      method === 'HEAD' ? { headers: { 'content-length': '7' } } : { headers: address },
    );
    await using storage = await openSwiftStorage('swift:c:/p', {
      environment: {
        ST_AUTH: 'http://swift.invalid/auth',
        ST_USER: 'u',
        ST_KEY: 'k',
        HTTP_PROXY: server.url,
        CAIRN_CLEAR_TEXT_HOSTS: 'swift.invalid',
      },
    });
    expect(await storage.stat('config')).toEqual({ name: 'config', sizeBytes: 7 });
  });
});

describe('a login', () => {
  it.each([
    { ST_AUTH: 'http://swift.invalid/auth', ST_USER: 'u', ST_KEY: 'k' },
    { OS_AUTH_URL: 'http://swift.invalid/v3', OS_USERNAME: 'u', OS_PASSWORD: 'k', OS_PROJECT_NAME: 'p' },
    { OS_STORAGE_URL: 'http://swift.invalid/v1/AUTH_a', OS_AUTH_TOKEN: 't' },
  ])('is not sent in clear: %j', async (environment) => {
    await using storage = await openSwiftStorage('swift:c:/p', { environment });
    await expect(storage.stat('config')).rejects.toMatchObject({ code: 'SECRET_IN_CLEAR' });
  });

  it('that leads to objects in clear ends there', async () => {
    const address = { 'x-auth-token': 't', 'x-storage-url': 'http://swift.invalid/v1/AUTH_a' };
    server = await HttpDouble.start(() => ({ headers: address }));
    await using storage = await openSwiftStorage('swift:c:/p', {
      environment: { ST_AUTH: server.url, ST_USER: 'u', ST_KEY: 'k' },
    });
    await expect(storage.stat('config')).rejects.toMatchObject({ facts: { host: 'swift.invalid' } });
  });
});

describe('a session that ended before its time', () => {
  it('is begun again, once', async () => {
    await using storage = await at(({ headers }) =>
      headers['x-auth-token'] === 't2' ? { headers: { 'content-length': '7' } } : { status: 401 },
    );
    expect(await storage.stat('config')).toEqual({ name: 'config', sizeBytes: 7 });
    expect(kinds()).toEqual([
      'GET /auth/v1.0',
      'HEAD /v1/AUTH_a/c/p/config',
      'GET /auth/v1.0',
      'HEAD /v1/AUTH_a/c/p/config',
    ]);
  });

  it('and is refused all the same is an access denied', async () => {
    await using storage = await at(() => ({ status: 401 }));
    await expect(storage.stat('config')).rejects.toMatchObject({ code: 'STORAGE_DENIED', retry: 'never' });
  });
});

describe('a refusal of Swift', () => {
  it.each([
    [403, '', 'STORAGE_DENIED', 'never'],
    [404, '', 'BUCKET_MISSING', 'never'],
    [409, '', 'STORAGE_UNREACHABLE', 'later'],
    [412, '', 'OBJECT_EXISTS', 'never'],
    [413, '<html><h1>Request Entity Too Large</h1><p>Upload exceeds quota.</p></html>', 'STORAGE_FULL', 'never'],
    [413, '<html><p>The body of your request was too large.</p></html>', 'STORAGE_IO', 'never'],
    [422, '', 'STORAGE_UNREACHABLE', 'later'],
    [498, 'Rate Limited', 'STORAGE_UNREACHABLE', 'later'],
    [503, '', 'STORAGE_UNREACHABLE', 'later'],
    [507, '', 'STORAGE_FULL', 'never'],
  ])('%i %j of a write is %s', async (status, body, code, retry) => {
    await using storage = await whole(() => ({ status, body }));
    await expect(storage.write('config', utf8('c'))).rejects.toMatchObject({ code, retry });
  });
});

describe('a listing', () => {
  it('goes on behind the last name of each page until there are none', async () => {
    const pages: Record<string, object[]> = {
      none: [
        { name: 'p/keys/a', bytes: 1 },
        { name: 'p/keys/', bytes: 0 },
      ],
      'p/keys/': [{ name: 'p/keys/b', bytes: 2 }],
      'p/keys/b': [],
    };
    await using storage = await at(({ path }) => ({
      body: pages[new URL(path, 'http://h').searchParams.get('marker') ?? 'none'],
    }));
    expect(await Array.fromAsync(storage.list('keys/'), ({ name }) => name)).toEqual(['keys/a', 'keys/b']);
  });

  it.each([
    ['the same page again', [{ name: 'p/a', bytes: 1 }]],
    ['a key from elsewhere', [{ name: 'q/a', bytes: 1 }]],
    ['no size', [{ name: 'p/a' }]],
    ['no list', { name: 'p/a' }],
    ['a page of a login', '<html>'],
  ])('is none with %s', async (_, body) => {
    await using storage = await at(() => ({ body }));
    await expect(Array.fromAsync(storage.list(''))).rejects.toMatchObject({ code: 'STORAGE_IO' });
  });
});

describe('a removal of many', () => {
  it('is done one by one where the server takes it for something else', async () => {
    await using storage = await whole(() => ({ status: 204 }));
    await storage.removeMany(['locks/a', 'locks/b']);
    expect(kinds().slice(1)).toEqual([
      'POST /v1/AUTH_a?bulk-delete=',
      'DELETE /v1/AUTH_a/c/p/locks/a',
      'DELETE /v1/AUTH_a/c/p/locks/b',
    ]);
  });

  it.each([
    [{ 'Number Deleted': 1, 'Number Not Found': 0, Errors: [], 'Response Status': '200 OK' }, 'word of 1 only'],
    [
      {
        'Number Deleted': 1,
        'Number Not Found': 0,
        Errors: [['/c/p/locks%2Fb', '403 Forbidden']],
        'Response Status': '400 Bad Request',
      },
      'locks/b',
    ],
    [
      { 'Number Deleted': 1, 'Number Not Found': 1, Errors: [], 'Response Status': '502 Bad Gateway' },
      '502 Bad Gateway',
    ],
  ])('has failed where not all are gone: %j', async (body, said) => {
    await using storage = await whole(() => ({ body }));
    await expect(storage.removeMany(['locks/a', 'locks/b'])).rejects.toMatchObject({
      message: expect.stringContaining(said),
    });
  });
});

describe('segments of a write that nobody ended', () => {
  const old = [{ name: `p%2Farchives%2Fa/${'a'.repeat(24)}/00000000`, last_modified: '2020-01-01T00:00:00.000' }];
  const withSegments =
    (object: ToldAnswer): Answering =>
    ({ method, path }) => {
      if (method === 'HEAD') return object;
      const { searchParams } = new URL(path, 'http://h');
      if (!path.includes('c_segments?') || searchParams.has('marker')) return { body: [] };
      return { body: searchParams.has('delimiter') ? [{ subdir: 'p%2Farchives%2Fa/' }] : old };
    };

  it('go where there is no object', async () => {
    await using storage = await at(withSegments({ status: 404 }));
    expect(await storage.abortStaleUploads?.(3_600_000, { dryRun: true })).toBe(1);
    expect(server?.asked.some(({ method }) => method === 'DELETE')).toBe(false);
    expect(await storage.abortStaleUploads?.(3_600_000)).toBe(1);
  });

  it('stay where the object is made of some and does not say which, as after a change of its metadata', async () => {
    await using storage = await at(withSegments({ headers: { 'x-static-large-object': 'True' } }));
    expect(await storage.abortStaleUploads?.(3_600_000)).toBe(0);
    expect(server?.asked.some(({ method }) => method === 'DELETE')).toBe(false);
  });
});

async function* twentyFive(): AsyncGenerator<Uint8Array> {
  yield utf8('0123456789012345678901234');
}

async function* small(): AsyncGenerator<Uint8Array> {
  yield utf8('small');
}

/** A Swift that takes everything; `about` answers what is asked of the object itself. */
const taking =
  (info: ToldAnswer, about: (request: AskedRequest, upload: string) => ToldAnswer): Answering =>
  (request) => {
    if (request.path === '/info') return info;
    if (!request.path.startsWith('/v1/AUTH_a/c/p/archives/a')) return { status: request.method === 'GET' ? 404 : 201 };
    return about(request, uploadId());
  };

/** The upload that the manifest names. */
function uploadId(): string {
  const manifest = server?.asked.findLast(({ path }) => path.includes('multipart-manifest=put'));
  return String(manifest?.headers['x-object-meta-cairn-upload']);
}

describe('a stream', () => {
  it('is refused before its first segment where the server says that it knows no large objects', async () => {
    await using storage = await whole(taking({ body: { swift: {} } }, () => ({ status: 201 })));
    await expect(storage.writeStream('archives/a', twentyFive())).rejects.toMatchObject({ code: 'NOT_SUPPORTED' });
    expect(kinds().some((kind) => kind.startsWith('PUT'))).toBe(false);
  });

  it('is removed again where the server took the list of its segments for the object', async () => {
    await using storage = await whole(
      taking({ status: 404 }, ({ method }, upload) =>
        method === 'HEAD' ? { headers: { 'x-object-meta-cairn-upload': upload } } : { status: 201 },
      ),
    );
    await expect(storage.writeStream('archives/a', twentyFive())).rejects.toMatchObject({ code: 'NOT_SUPPORTED' });
    expect(kinds()).toContain('DELETE /v1/AUTH_a/c/p/archives/a');
  });

  it('of which only the last answer was lost has been stored', async () => {
    let puts = 0;
    const large = { 'x-static-large-object': 'True' };
    await using storage = retrying(
      await whole(
        taking({ body: { slo: {} } }, ({ method }, upload) => {
          if (method === 'HEAD')
            return puts === 0 ? { status: 404 } : { headers: { ...large, 'x-object-meta-cairn-upload': upload } };
          return { status: ++puts === 1 ? 503 : 412 };
        }),
      ),
      { firstDelayMs: 1 },
    );
    expect(await storage.writeStream('archives/a', twentyFive(), { ifAbsent: true })).toEqual({ sizeBytes: 25 });
  });

  it.each([
    ['kept where the server failed with its manifest, which may stand', 503, true],
    ['kept where the answer to its manifest was lost', undefined, true],
    ['cleared away where its manifest was refused', 403, false],
    ['cleared away where the quota has no room for its manifest', 413, false],
  ])('has its segments %s', async (_, status, areKept) => {
    await using storage = await whole(
      taking({ body: { slo: {} } }, ({ method }) => {
        if (method === 'HEAD') return { status: 404 };
        return status === undefined ? { isLost: true } : { status };
      }),
    );
    await expect(storage.writeStream('archives/a', twentyFive())).rejects.toThrow();
    const looksForThem = server?.asked.some(({ path }) => /c_segments\?.*prefix=p%252Farchives%252Fa%2F/u.test(path));
    expect(looksForThem).toBe(!areKept);
  });

  it('that is small, and of which only the answer was lost, has been stored', async () => {
    let puts = 0;
    const etag = createHash('md5').update('small').digest('hex');
    await using storage = retrying(
      await whole(({ method }) => {
        if (method === 'HEAD') return puts === 0 ? { status: 404 } : { headers: { etag, 'content-length': '5' } };
        return { status: ++puts === 1 ? 503 : 412 };
      }),
      { firstDelayMs: 1 },
    );
    expect(await storage.writeStream('archives/a', small(), { ifAbsent: true })).toEqual({ sizeBytes: 5 });
  });
});
