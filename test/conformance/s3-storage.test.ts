import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { concatBytes, equalBytes } from '../../src/base/bytes.ts';
import { storageConformance } from '../../src/storage/conformance.ts';
import { openS3Storage, type S3Storage, type S3StorageOptions } from '../../src/storage/drivers/s3/s3-storage.ts';
import { retrying } from '../../src/storage/layers/retry.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { peersMissing } from '../support/peers.ts';
import { type S3Server, startRcloneS3 } from '../support/rclone-s3.ts';

// What rclone's server cannot do. The same cases run against the server of test/support/s3-double.ts.
const unable = new Map([
  ['lets one of many writers win with ifAbsent', 'it passes over If-None-Match'],
  ['shows readers whole objects only', 'it empties an object that is replaced while somebody reads it'],
]);

async function* stream(bytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes; at += 1 << 20) yield new Uint8Array(Math.min(1 << 20, bytes - at)).fill(at >> 20);
}

describe.skipIf(peersMissing('rclone'))('S3, served by rclone', () => {
  let server: S3Server;
  let count = 0;

  beforeAll(async () => {
    server = await startRcloneS3(['bucket']);
  });

  afterAll(async () => {
    await server[Symbol.asyncDispose]();
  });

  const open = (options: S3StorageOptions = {}, query = ''): Promise<S3Storage> =>
    openS3Storage(`s3://bucket/some/place${++count}?endpoint=${server.endpoint}${query}`, {
      environment: server.environment,
      ...options,
    });

  // Its server now and then fails when two requests make the same folder; whoever opens a storage by URL tries again.
  const openRetrying = async (): Promise<Storage> => retrying(await open(), { firstDelayMs: 20 });

  for (const c of storageConformance) {
    if (unable.has(c.name)) continue;
    it(c.name, { timeout: 60_000 }, ({ signal }) => c.run(openRetrying, signal));
  }

  it('stores objects below no prefix at all', async () => {
    await using storage = await openS3Storage(`s3:${server.endpoint}/whole`, { environment: server.environment });
    await storage.create();
    await storage.write('data/ab/x', new Uint8Array(3));
    expect(await Array.fromAsync(storage.list(''))).toEqual([{ name: 'data/ab/x', sizeBytes: 3 }]);
  });

  it('uploads large objects in parts and reads long ranges in pieces', async () => {
    const operations: string[] = [];
    const onRequest = ({ kind }: { readonly kind: string }): unknown => operations.push(kind);
    await using storage = await open({ multipartBytes: 6_000_000, partBytes: 5 << 20, pieceBytes: 5 << 20, onRequest });
    const parts = Array.from({ length: 13 }, (_, index) => new Uint8Array(1_000_000).fill(index));
    await storage.write('archives/large', parts);
    expect(operations.filter((kind) => kind === 'UploadPart')).toHaveLength(3);
    operations.length = 0;
    const bytes = await storage.read('archives/large', { offset: 100, length: 12_000_000 });
    expect(equalBytes(bytes, concatBytes(parts).subarray(100, 12_000_100))).toBe(true);
    expect(operations).toEqual(['GetObject', 'GetObject', 'GetObject']);
  });

  it('refuses a long range that the object does not hold', async () => {
    await using storage = await open({ pieceBytes: 1000 });
    await storage.write('config', new Uint8Array(5000));
    await expect(storage.read('config', { offset: 1000, length: 4001 })).rejects.toMatchObject({
      code: 'OBJECT_TRUNCATED',
      facts: { sizeBytes: 5000 },
    });
  });

  it('clears an upload away when it is aborted', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    const onRequest = ({ kind }: { readonly kind: string }): void => {
      if (kind === 'UploadPart') controller.abort(reason);
    };
    await using storage = await open({ multipartBytes: 1, partBytes: 5 << 20, onRequest });
    const write = storage.write('archives/x', new Uint8Array(20 << 20), { signal: controller.signal });
    await expect(write).rejects.toBe(reason);
    expect(await storage.abortStaleUploads(-60_000)).toBe(0);
    expect(await storage.stat('archives/x')).toBeUndefined();
  });

  it('gives URLs by which anybody can read an object, until they expire', async () => {
    await using storage = await open();
    await storage.write("values/a b/it's", new Uint8Array([1, 2, 3]));
    const url = await storage.presign("values/a b/it's", { method: 'GET', expiresInSeconds: 60 });
    const answer = await fetch(url);
    expect([answer.status, new Uint8Array(await answer.arrayBuffer())]).toEqual([200, new Uint8Array([1, 2, 3])]);
    const head = await storage.presign("values/a b/it's", { method: 'HEAD', expiresInSeconds: 60 });
    expect((await fetch(head, { method: 'HEAD' })).status).toBe(200);
    const later = await open({ now: () => new Date(Date.now() - 120_000) });
    await later.write('values/x', new Uint8Array(1));
    const expired = await fetch(await later.presign('values/x', { method: 'GET', expiresInSeconds: 60 }));
    // 403 by Amazon; this server says 400.
    expect([400, 403]).toContain(expired.status);
    expect(await expired.text()).toContain('<Error>');
    await later[Symbol.asyncDispose]();
  });

  it.each([
    ['the signature', (url: URL) => url.searchParams.set('X-Amz-Signature', '0'.repeat(64))],
    ['the time', (url: URL) => url.searchParams.set('X-Amz-Expires', '604800')],
    ['the object', (url: URL) => (url.pathname = url.pathname.replace(/x$/, 'y'))],
  ])('gives URLs in which %s cannot be changed', async (_, change) => {
    await using storage = await open();
    for (const name of ['values/x', 'values/y']) await storage.write(name, new Uint8Array(1));
    const url = new URL(await storage.presign('values/x', { method: 'GET', expiresInSeconds: 60 }));
    change(url);
    expect((await fetch(url)).status).toBe(403);
  });

  it('sends a stream in parts of 8 MiB, and one that fits into one as it is', async () => {
    const operations: string[] = [];
    await using storage = await open({ onRequest: ({ kind }) => operations.push(kind) });
    await storage.writeStream('archives/small', stream(8 << 20));
    expect(operations).toEqual(['PutObject']);
    await storage.writeStream('archives/large', stream((24 << 20) + 1));
    expect(operations.filter((kind) => kind === 'UploadPart')).toHaveLength(4);
    const bytes = await storage.read('archives/large');
    expect(bytes.length).toBe((24 << 20) + 1);
    expect(bytes.every((byte, at) => byte === at >> 20)).toBe(true);
  });

  it('lists more objects than come in one page', { timeout: 120_000 }, async () => {
    await using storage = await openRetrying();
    const names = Array.from({ length: 1050 }, (_, index) => `index/${String(index).padStart(4, '0')}`);
    for (let at = 0; at < names.length; at += 16) {
      await Promise.all(names.slice(at, at + 16).map((name) => storage.write(name, new Uint8Array(1))));
    }
    expect((await Array.fromAsync(storage.list('index/'), ({ name }) => name)).toSorted()).toEqual(names);
    await storage.removeMany(names);
    expect(await Array.fromAsync(storage.list(''))).toEqual([]);
  });

  it('says that the keys are wrong', async () => {
    await using storage = await openS3Storage(`s3://bucket/x?endpoint=${server.endpoint}`, {
      environment: { ...server.environment, AWS_SECRET_ACCESS_KEY: 'other' },
    });
    await expect(storage.read('config')).rejects.toMatchObject({ code: 'STORAGE_DENIED', retry: 'never' });
    await expect(storage.stat('config')).rejects.toMatchObject({ code: 'STORAGE_DENIED' });
  });

  it('tells a bucket that is missing from an object that is', async () => {
    await using storage = await openS3Storage(`s3://nowhere/x?endpoint=${server.endpoint}`, {
      environment: server.environment,
    });
    await expect(storage.read('config')).rejects.toMatchObject({
      code: 'BUCKET_MISSING',
      facts: { bucket: 'nowhere' },
    });
    await expect(Array.fromAsync(storage.list(''))).rejects.toMatchObject({ code: 'BUCKET_MISSING' });
  });
});
