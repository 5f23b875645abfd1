import { createHash } from 'node:crypto';
import { inspect } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { type Answering, HttpDouble, type ToldAnswer } from '../../../../test/support/http-double.ts';
import { utf8 } from '../../../base/bytes.ts';
import { retrying } from '../../layers/retry.ts';
import type { Storage } from '../../storage.ts';
import { openGsStorage } from './gs-storage.ts';

let server: HttpDouble | undefined;

afterEach(async () => {
  await server?.[Symbol.asyncDispose]();
  server = undefined;
});

/** A bucket at a server that answers as told. */
async function at(answer: Answering, parameters = 'storage-class=COLDLINE', environment = {}): Promise<Storage> {
  server = await HttpDouble.start(answer);
  const url = `gs:bucket:/p?endpoint=${server.url}&${parameters}`;
  return openGsStorage(url, {
    environment: { GOOGLE_ACCESS_TOKEN: 't0ken', HOME: '/nowhere', ...environment },
    streamPartBytes: 256 * 1024,
  });
}

const refusal = (status: number, reason: string, message = 'said'): ToldAnswer => ({
  status,
  body: { error: { code: status, message, errors: [{ domain: 'global', reason, message }] } },
});

describe('a refusal of Google', () => {
  it.each([
    [403, 'forbidden', 'STORAGE_DENIED', 'never'],
    [401, 'authError', 'CREDENTIALS_EXPIRED', 'never'],
    [403, 'quotaExceeded', 'STORAGE_FULL', 'never'],
    [403, 'rateLimitExceeded', 'STORAGE_UNREACHABLE', 'later'],
    [429, 'rateLimitExceeded', 'STORAGE_UNREACHABLE', 'later'],
    [403, 'retentionPolicyNotMet', 'STORAGE_DENIED', 'never'],
    [403, 'accountDisabled', 'STORAGE_DENIED', 'never'],
    [503, 'backendError', 'STORAGE_UNREACHABLE', 'later'],
    [404, 'notFound', 'BUCKET_MISSING', 'never'],
    [412, 'conditionNotMet', 'OBJECT_EXISTS', 'never'],
    [507, '', 'STORAGE_FULL', 'never'],
  ])('%i %s of a write is %s', async (status, reason, code, retry) => {
    await using storage = await at(() => refusal(status, reason));
    await expect(storage.write('config', utf8('c'))).rejects.toMatchObject({ code, retry });
  });

  it('of a read tells the object that is missing from the bucket', async () => {
    await using storage = await at(({ path }) =>
      path.includes('config')
        ? { status: 404, body: 'No such object: bucket/p/config' }
        : refusal(404, 'notFound', 'The specified bucket does not exist.'),
    );
    await expect(storage.read('config')).rejects.toMatchObject({ code: 'OBJECT_MISSING' });
    await expect(storage.read('other')).rejects.toMatchObject({ code: 'BUCKET_MISSING' });
  });

  it('never repeats the token', async () => {
    await using storage = await at(() => refusal(401, 'authError'));
    const error = await storage.read('config').catch((thrown: unknown) => thrown);
    expect(inspect([error, storage], { depth: 9 })).not.toContain('t0ken');
  });
});

describe('a proxy', () => {
  it('is the one of the variables that were given', async () => {
    server = await HttpDouble.start(() => ({ body: { size: '7' } }));
    await using storage = await openGsStorage('gs:bucket:/p?endpoint=http://gcs.invalid', {
      environment: { GOOGLE_ACCESS_TOKEN: 't0ken', HTTP_PROXY: server.url, CAIRN_CLEAR_TEXT_HOSTS: 'gcs.invalid' },
    });
    expect(await storage.stat('config')).toEqual({ name: 'config', sizeBytes: 7 });
  });
});

describe('a token', () => {
  it.each([
    ['gs:bucket:/p?endpoint=http://gcs.invalid', {}],
    // Whoever logs in at an emulator says so; without a login it is asked without one.
    ['gs:bucket:/p?anonymous=no', { STORAGE_EMULATOR_HOST: 'gcs.invalid:4443' }],
  ])('is not sent in clear to %s', async (url, more) => {
    await using storage = await openGsStorage(url, { environment: { GOOGLE_ACCESS_TOKEN: 't0ken', ...more } });
    await expect(storage.stat('config')).rejects.toMatchObject({ code: 'SECRET_IN_CLEAR' });
  });
});

describe('a token that can be renewed', () => {
  it('is asked for again once where it is not accepted', async () => {
    let tokens = 0;
    await using storage = await at(
      ({ path, headers }) => {
        if (path.includes('/token'))
          return { headers: { 'metadata-flavor': 'Google' }, body: { access_token: `t${++tokens}`, expires_in: 3600 } };
        return headers.authorization === 'Bearer t2' ? { body: { size: '7' } } : refusal(401, 'authError');
      },
      'connections=4',
      { GOOGLE_ACCESS_TOKEN: '' },
    );
    const { host } = new URL(server?.url ?? '');
    await using machine = await openGsStorage(`gs:bucket:/p?endpoint=${server?.url}`, {
      environment: { HOME: '/nowhere', GCE_METADATA_HOST: host },
    });
    expect(await machine.stat('config')).toEqual({ name: 'config', sizeBytes: 7 });
    expect(tokens).toBe(2);
    expect(storage.url).toContain('gs:bucket:/p');
  });
});

describe('a write', () => {
  it('sends the hash of what it sends, and the class only with what rests', async () => {
    await using storage = await at(() => ({ body: { size: '1' } }));
    await storage.write('config', utf8('c'));
    await storage.write('data/ab/x', utf8('d'), { cold: true, ifAbsent: true });
    const md5 = createHash('md5').update('c').digest('base64');
    expect(server?.asked[0]?.body).toContain(`"md5Hash":"${md5}"`);
    expect(server?.asked[0]?.body).not.toContain('storageClass');
    expect(server?.asked[0]?.path).not.toContain('ifGenerationMatch');
    expect(server?.asked[1]?.body).toContain('"storageClass":"COLDLINE"');
    expect(server?.asked[1]?.path).toContain('ifGenerationMatch=0');
  });

  it('of bytes that arrived damaged may go well later', async () => {
    await using storage = await at(() =>
      refusal(400, 'invalid', 'Provided MD5 hash "x" doesn\'t match calculated MD5 hash "y".'),
    );
    await expect(storage.write('config', utf8('c'))).rejects.toMatchObject({ retry: 'later' });
  });
});

describe('a bucket', () => {
  it('that is not there is made in the project that is named', async () => {
    await using storage = await at(
      ({ method }) => (method === 'GET' ? refusal(404, 'notFound') : { body: {} }),
      'location=EU',
      { GOOGLE_PROJECT_ID: 'p1' },
    );
    await storage.create();
    expect(server?.asked[1]).toMatchObject({
      method: 'POST',
      path: '/storage/v1/b?project=p1',
      body: '{"name":"bucket","location":"EU"}',
    });
  });

  it('cannot be made without a project, which is said', async () => {
    await using storage = await at(() => refusal(404, 'notFound'));
    await expect(storage.create()).rejects.toMatchObject({
      code: 'BUCKET_MISSING',
      hint: expect.stringContaining('GOOGLE_PROJECT_ID'),
    });
  });

  it('that may not be looked at may still be written to', async () => {
    await using storage = await at(() => refusal(403, 'forbidden'));
    await storage.create();
  });
});

const page = (names: string[], next?: string): ToldAnswer => ({
  body: { items: names.map((name) => ({ name: `p/${name}`, size: '3' })), nextPageToken: next },
});

describe('a listing', () => {
  it('goes on from page to page, and leaves out what is no object of ours', async () => {
    await using storage = await at(({ path }) =>
      path.includes('pageToken=two') ? page(['keys/b']) : page(['keys/a', 'keys/', 'keys/é'], 'two'),
    );
    const listed = await Array.fromAsync(storage.list('keys/'), ({ name }) => name);
    expect(listed).toEqual(['keys/a', 'keys/b']);
  });

  it.each([
    [{ items: [{ name: 'p/a', size: 3 }] }],
    [{ items: [{ size: '3' }] }],
    [{ items: 'x' }],
    ['<html>'],
    [{ items: [], nextPageToken: 5 }],
  ])('is none: %j', async (body) => {
    await using storage = await at(() => ({ body }));
    await expect(Array.fromAsync(storage.list(''))).rejects.toMatchObject({ code: 'STORAGE_IO' });
  });
});

describe('a removal of many', () => {
  it('that says nothing of one of them has failed', async () => {
    await using storage = await at(() => ({
      headers: { 'content-type': 'multipart/mixed; boundary=b' },
      body: '--b\r\nContent-ID: <response-remove+0>\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n\r\n--b--',
    }));
    await expect(storage.removeMany(['locks/a', 'locks/b'])).rejects.toMatchObject({
      message: expect.stringContaining('locks/b'),
    });
  });

  it('names the first one that could not be removed', async () => {
    const body = JSON.stringify(refusal(403, 'retentionPolicyNotMet').body);
    await using storage = await at(() => ({
      headers: { 'content-type': 'multipart/mixed; boundary="b"' },
      body:
        '--b\r\nContent-ID: <response-remove+1>\r\n\r\nHTTP/1.1 403 Forbidden\r\nContent-Type: application/json\r\n\r\n' +
        `${body}\r\n--b\r\nContent-ID: <response-remove+0>\r\n\r\nHTTP/1.1 404 Not Found\r\n\r\n{}\r\n--b--`,
    }));
    await expect(storage.removeMany(['locks/a', 'locks/b'])).rejects.toMatchObject({
      code: 'STORAGE_DENIED',
      message: expect.stringMatching(/locks\/b.*keeps this object/u),
    });
  });

  it('is done one by one where the server knows no batches', async () => {
    await using storage = await at(({ method }) => ({ status: method === 'POST' ? 501 : 204 }));
    await storage.removeMany(['locks/a', 'locks/b']);
    expect(server?.asked.map(({ method }) => method)).toEqual(['POST', 'DELETE', 'DELETE']);
  });
});

/** A resumable upload as Google has it: `take` says how much of a piece is kept, or that the answer is lost. */
function uploading(take: (start: number, end: number, times: number) => number | 'lost'): {
  readonly answer: Answering;
  readonly received: () => string;
} {
  let received = '';
  let times = 0;
  let isDone = false;
  const held = (): ToldAnswer => ({
    status: 308,
    ...(received === '' ? {} : { headers: { range: `bytes=0-${received.length - 1}` } }),
  });
  const done = (): ToldAnswer => ({
    body: {
      size: String(received.length),
      md5Hash: createHash('md5').update(received, 'latin1').digest('base64'),
      generation: '5',
    },
  });
  const answer: Answering = ({ method, path, headers, body }) => {
    if (method === 'POST') return { headers: { location: `${server?.url}/upload/session` } };
    if (method === 'DELETE') return { status: path.startsWith('/upload/') ? 499 : 204 };
    const [, range = '', total = ''] = /^bytes (\*|\d+-\d+)\/(\*|\d+)$/u.exec(headers['content-range'] ?? '') ?? [];
    if (range === '*') {
      isDone ||= total === String(received.length);
      return isDone ? done() : held();
    }
    const [start = 0, last = 0] = range.split('-').map(Number);
    const kept = take(start, last + 1, ++times);
    if (kept !== 'lost' && start === received.length) received += body.slice(0, kept - start);
    if (kept === 'lost') return { status: 503 };
    isDone = total === String(received.length);
    return isDone ? done() : held();
  };
  return { answer, received: () => received };
}

async function* mebibyteAndABit(): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < 17; at++) yield new Uint8Array(64 * 1024).fill(97 + at);
}

async function* failing(): AsyncGenerator<Uint8Array> {
  yield* mebibyteAndABit();
  throw new Error('the source failed');
}

describe('a stream', () => {
  it('sends again what was not kept of a piece', async () => {
    const upload = uploading((start, end) => Math.min(end, start + 100_000));
    await using storage = await at(upload.answer);
    const { sizeBytes } = await storage.writeStream('archives/a', mebibyteAndABit());
    expect(upload.received().length).toBe(sizeBytes);
  });

  it('goes on where it was after an answer was lost, and asks where that is', async () => {
    const upload = uploading((_, end, times) => (times === 2 ? 'lost' : end));
    await using storage = retrying(await at(upload.answer), { firstDelayMs: 1 });
    const { sizeBytes } = await storage.writeStream('archives/a', mebibyteAndABit());
    expect(upload.received().length).toBe(sizeBytes);
    expect(server?.asked.some(({ headers }) => headers['content-range'] === 'bytes */*')).toBe(true);
  });

  it('that arrived as other bytes is removed again, and an error', async () => {
    const upload = uploading((_, end) => end);
    await using storage = await at((request) => {
      const told = upload.answer(request);
      const body = { size: String(17 * 64 * 1024), md5Hash: 'AAAA', generation: '5' };
      return request.method === 'PUT' && told.status !== 308 ? { ...told, body } : told;
    });
    await expect(storage.writeStream('archives/a', mebibyteAndABit())).rejects.toMatchObject({
      message: expect.stringContaining('other bytes arrived'),
    });
    expect(server?.asked.at(-1)).toMatchObject({
      method: 'DELETE',
      path: expect.stringContaining('ifGenerationMatch=5'),
    });
  });

  it('that fails has its upload dropped', async () => {
    const upload = uploading((_, end) => end);
    await using storage = await at(upload.answer);
    await expect(storage.writeStream('archives/a', failing())).rejects.toThrow('the source failed');
    expect(server?.asked.at(-1)).toMatchObject({ method: 'DELETE', path: '/upload/session' });
  });

  it('sends its token to no other server', async () => {
    await using storage = await at(() => ({ headers: { location: 'http://127.0.0.1:9/session' } }));
    await expect(storage.writeStream('archives/a', mebibyteAndABit())).rejects.toMatchObject({
      code: 'STORAGE_IO',
      message: expect.stringContaining('the address of another server'),
    });
  });
});
