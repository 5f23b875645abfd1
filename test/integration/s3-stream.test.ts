import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { utf8Lossy } from '../../src/base/bytes.ts';
import { openS3Storage, type S3Storage } from '../../src/storage/drivers/s3/s3-storage.ts';
import { limited } from '../../src/storage/layers/limit.ts';
import { retrying } from '../../src/storage/layers/retry.ts';
import { refuse, type S3Double, type SeenRequest, startS3Double } from '../support/s3-double.ts';

/** Size of the parts here. */
const PART = 1000;

let double: S3Double;

beforeEach(async () => {
  double = await startS3Double();
});

afterEach(async () => {
  await double[Symbol.asyncDispose]();
});

const openStreaming = (query = ''): Promise<S3Storage> =>
  openS3Storage(`s3://bucket/vault?endpoint=${double.endpoint}${query}`, {
    environment: double.environment,
    streamPartBytes: PART,
  });

const last = (): SeenRequest => double.seen.at(-1) ?? expect.fail('no request');

const sent = (): string[] => double.seen.map(({ method, query }) => `${method} ${[...query.keys()].join()}`.trim());

async function* stream(bytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes; at += 300) yield new Uint8Array(Math.min(300, bytes - at)).fill(at & 255);
}

async function* silent(): AsyncGenerator<Uint8Array> {
  yield* stream(4 * PART);
  await new Promise(() => {});
}

/** The answer to the first such request is lost, though it was carried out. */
function loseAnswer(wanted: (request: SeenRequest) => boolean): void {
  let isLost = false;
  double.takeover = (request, response) => {
    if (!isLost && wanted(request)) {
      isLost = true;
      response.end = () => response.destroy();
    }
    return false;
  };
}

describe('a stream', () => {
  it.each([0, 1, PART])('of %i bytes, no more than a part, is one request', async (bytes) => {
    await using storage = await openStreaming();
    expect(await storage.writeStream('archives/a', stream(bytes))).toEqual({ sizeBytes: bytes });
    expect(sent()).toEqual(['PUT']);
  });

  it('B43: is sent in parts while it comes', async () => {
    await using storage = await openStreaming();
    const partsAtTheEnd = async function* (): AsyncGenerator<Uint8Array> {
      yield* stream(4 * PART);
      await vi.waitFor(() => expect(sent()).toContain('PUT partNumber,uploadId'));
    };
    await storage.writeStream('archives/a', partsAtTheEnd());
    expect((await storage.read('archives/a')).length).toBe(4 * PART);
  });

  it('has no more than four parts in memory and on their way', async () => {
    await using storage = await openStreaming();
    let open = 0;
    let taken = 0;
    double.takeover = ({ query }) => {
      if (query.has('partNumber')) open++;
      return false;
    };
    const counted = async function* (): AsyncGenerator<Uint8Array> {
      for await (const chunk of stream(40 * PART)) {
        taken += chunk.length;
        expect(taken).toBeLessThanOrEqual((open + 5) * PART + 300);
        yield chunk;
      }
    };
    await storage.writeStream('archives/a', counted());
    expect(open).toBe(40);
  });

  it('only where nothing is gives way to who came first while it was sent', async () => {
    await using storage = await openStreaming();
    double.takeover = ({ query, key }) => {
      if (query.get('partNumber') === '3') double.objects.set(key, { bytes: Buffer.from('theirs'), storageClass: '' });
      return false;
    };
    await expect(storage.writeStream('archives/a', stream(5 * PART), { ifAbsent: true })).rejects.toMatchObject({
      code: 'OBJECT_EXISTS',
    });
    expect(utf8Lossy(await storage.read('archives/a'))).toBe('theirs');
    expect(double.uploads.size).toBe(0);
  });

  it('only where nothing is works where the server knows no conditions', async () => {
    await using storage = await openStreaming();
    double.takeover = ({ headers }, response) => {
      if (headers['if-none-match'] === undefined) return false;
      refuse(response, 501, 'NotImplemented');
      return true;
    };
    await storage.writeStream('archives/a', stream(5 * PART), { ifAbsent: true });
    expect(await storage.stat('archives/a')).toMatchObject({ sizeBytes: 5 * PART });
  });

  it.each([
    ['its beginning', 'uploads'],
    ['a part', 'partNumber'],
  ])('tries %s again where that fails for a moment', async (_, parameter) => {
    await using storage = retrying(await openStreaming(), { firstDelayMs: 1 });
    let failures = 0;
    double.takeover = ({ query }, response) => {
      if (!query.has(parameter) || ++failures > 2) return false;
      refuse(response, 503, 'SlowDown');
      return true;
    };
    expect(await storage.writeStream('archives/a', stream(5 * PART))).toEqual({ sizeBytes: 5 * PART });
    expect((await storage.read('archives/a')).length).toBe(5 * PART);
  });

  it.each([
    ['in parts', 5 * PART, false],
    ['in parts, only where nothing is,', 5 * PART, true],
    ['in one request, only where nothing is,', 500, true],
  ])('%s is known to be stored where only the answer to the last request is lost', async (_, bytes, ifAbsent) => {
    await using storage = retrying(await openStreaming(), { firstDelayMs: 1 });
    loseAnswer(({ method, query }) => (bytes > PART ? method === 'POST' && query.has('uploadId') : method === 'PUT'));
    expect(await storage.writeStream('archives/a', stream(bytes), { ifAbsent })).toEqual({ sizeBytes: bytes });
  });

  it('does not take an older object of the same size for the one whose upload is gone', async () => {
    await using storage = retrying(await openStreaming(), { firstDelayMs: 1 });
    await storage.write('archives/a', new Uint8Array(5 * PART));
    double.takeover = ({ method, query }, response) => {
      if (method !== 'POST' || !query.has('uploadId')) return false;
      double.uploads.clear();
      response.destroy();
      double.takeover = () => false;
      return true;
    };
    await expect(storage.writeStream('archives/a', stream(5 * PART))).rejects.toMatchObject({ code: 'STORAGE_IO' });
  });

  it('that fails in the middle leaves no upload behind, and waits no longer for its source', async () => {
    await using storage = await openStreaming();
    double.takeover = ({ query }, response) => {
      if (query.get('partNumber') !== '2') return false;
      refuse(response, 403, 'AccessDenied');
      return true;
    };
    await expect(storage.writeStream('archives/a', silent())).rejects.toMatchObject({ code: 'STORAGE_DENIED' });
    expect([double.uploads.size, double.objects.size]).toEqual([0, 0]);
  });

  it.each(['fails', 'is aborted'])('whose source %s leaves no upload behind', async (how) => {
    await using storage = await openStreaming();
    const stop = new AbortController();
    const reason = new Error('the dump failed');
    const source = async function* (): AsyncGenerator<Uint8Array> {
      yield* stream(4 * PART);
      if (how === 'fails') throw reason;
      stop.abort(reason);
    };
    await expect(storage.writeStream('archives/a', source(), { signal: stop.signal })).rejects.toBe(reason);
    expect([double.uploads.size, double.objects.size]).toEqual([0, 0]);
  });

  it('does not wait for itself where one connection is all there is and its source reads from the same storage', async () => {
    await using storage = limited(await openStreaming(), { connections: 1 });
    await storage.write('archives/source', new Uint8Array(5 * PART));
    const copy = async function* (): AsyncGenerator<Uint8Array> {
      for (let offset = 0; offset < 5 * PART; offset += 500) {
        yield await storage.read('archives/source', { offset, length: 500 });
      }
    };
    expect(await storage.writeStream('archives/a', copy())).toEqual({ sizeBytes: 5 * PART });
  });

  it('is stored in the class that it may be in', async () => {
    await using storage = await openStreaming('&storage-class=GLACIER');
    await storage.writeStream('archives/a', stream(5 * PART), { cold: true });
    expect(double.seen[0]?.headers['x-amz-storage-class']).toBe('GLACIER');
    await storage.writeStream('archives/b', stream(5), { cold: false });
    expect(last().headers['x-amz-storage-class']).toBeUndefined();
  });
});
