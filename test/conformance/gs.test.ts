import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { utf8 } from '../../src/base/bytes.ts';
import { storageConformance } from '../../src/storage/conformance.ts';
import { type GsStorageOptions, openGsStorage } from '../../src/storage/drivers/gs/gs-storage.ts';
import { openStorage } from '../../src/storage/open-storage.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { FakeGcs } from '../support/fake-gcs.ts';
import { peersMissing } from '../support/peers.ts';
import { shareVault } from '../support/shared-with-restic.ts';

let server: FakeGcs;
let count = 0;

const skip = peersMissing('fake-gcs-server');

beforeAll(async () => {
  if (!skip) server = await FakeGcs.start();
});

afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
});

function open(url: string, options: GsStorageOptions = {}): Promise<Storage> {
  return openGsStorage(url, { environment: server.environment(), ...options });
}

describe.skipIf(skip)('a bucket of Google, served by fake-gcs-server', () => {
  for (const c of storageConformance) {
    it(c.name, { timeout: 60_000 }, ({ signal }) => c.run(() => open(`gs://whole-${++count}`), signal));
  }
});

describe.skipIf(skip)('a folder in a bucket of Google, in pieces', () => {
  const small = { streamPartBytes: 1024 * 1024, pieceBytes: 64 * 1024 };
  for (const c of storageConformance) {
    it(c.name, { timeout: 60_000 }, ({ signal }) => c.run(() => open(`gs:shared:/a/b-${++count}`, small), signal));
  }

  it('does not show what lies beside it', async () => {
    await using one = await open('gs:shared:/one');
    await using longer = await open('gs:shared:/one-more');
    await longer.create();
    await longer.write('config', utf8('c'));
    expect(await Array.fromAsync(one.list(''))).toEqual([]);
  });
});

async function* stream(mebibytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < mebibytes; at++) yield new Uint8Array(1024 * 1024).fill(at);
}

describe.skipIf(skip)('what Google stores', () => {
  it('sends a stream in pieces of 8 MiB, and one that fits into one as it is', async () => {
    const kinds: string[] = [];
    await using storage = await open('gs:streams:/', { onRequest: ({ kind }) => kinds.push(kind) });
    await storage.create();
    kinds.length = 0;
    await storage.writeStream('archives/small', stream(3));
    expect(kinds.splice(0)).toEqual(['InsertObject']);
    await storage.writeStream('archives/large', stream(20));
    expect(kinds.splice(0)).toEqual(['StartUpload', 'UploadPart', 'UploadPart', 'UploadPart']);
    await storage.writeStream('archives/even', stream(16));
    expect(kinds.splice(0)).toEqual(['StartUpload', 'UploadPart', 'UploadPart', 'UploadPart']);
  });

  it('removes a hundred objects by one request', async () => {
    const kinds: string[] = [];
    await using storage = await open('gs:removal:/', { onRequest: ({ kind }) => kinds.push(kind) });
    await storage.create();
    kinds.length = 0;
    await storage.removeMany(Array.from({ length: 101 }, (_, index) => `index/${index}`));
    expect(kinds).toEqual(['Batch', 'DeleteObject']);
  });

  it('is no vault yet where there is no bucket, and nothing that could be read, listed or replaced', async () => {
    await using storage = await open('gs:nowhere:/');
    expect(await storage.stat('config')).toBeUndefined();
    for (const call of [() => storage.write('config', utf8('c')), () => Array.fromAsync(storage.list(''))]) {
      await expect(call()).rejects.toMatchObject({ code: 'BUCKET_MISSING', retry: 'never' });
    }
  });

  it('is opened by its URL', async () => {
    await using storage = await openStorage('gs:by-url:/a', { env: server.environment() });
    await storage.create();
    await storage.write('config', utf8('c'));
    expect(storage.url).toBe(`gs:by-url:/a?endpoint=http://127.0.0.1:${server.port}`);
  });
});

describe.skipIf(peersMissing('restic-newest') || skip)('a vault in Google', () => {
  it('is one for us and for restic', { timeout: 120_000 }, async () => {
    const { restored, checked, isGood } = await shareVault('gs://shared-vault/v', 'gs:shared-vault:/v', {
      ...server.environment(),
      GOOGLE_ACCESS_TOKEN: 'x',
    });
    expect(restored).toEqual(['written by us', 'written by restic']);
    expect(checked).toContain('no errors were found');
    expect(isGood).toBe(true);
  });
});
