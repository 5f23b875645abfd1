import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { utf8 } from '../../src/base/bytes.ts';
import { appliesTo, storageConformance } from '../../src/storage/conformance.ts';
import {
  openSwiftStorage,
  type SwiftStorage,
  type SwiftStorageOptions,
} from '../../src/storage/drivers/swift/swift-storage.ts';
import { openStorage } from '../../src/storage/open-storage.ts';
import type { Storage, StorageFeatures } from '../../src/storage/storage.ts';
import { startKeystone } from '../support/keystone-double.ts';
import { peersMissing } from '../support/peers.ts';
import { shareVault } from '../support/shared-with-restic.ts';
import { SwiftServer, swiftPeers } from '../support/swift-server.ts';

let server: SwiftServer;
let count = 0;

const skip = peersMissing(...swiftPeers);
const features: StorageFeatures = {
  atomicWrite: true,
  remote: true,
  connections: 5,
  localPath: undefined,
  looseIfAbsent: true,
  handsOver: true,
};
const cases = storageConformance.filter((c) => appliesTo(c, features));

beforeAll(async () => {
  if (!skip) server = await SwiftServer.start();
}, 180_000);

afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
});

function open(url: string, options: SwiftStorageOptions = {}): Promise<SwiftStorage> {
  return openSwiftStorage(url, { environment: server.environment(), ...options });
}

describe.skipIf(skip)('a container of Swift', () => {
  for (const c of cases) {
    it(c.name, { timeout: 120_000 }, ({ signal }) => c.run(() => open(`swift://whole-${++count}`), signal));
  }
});

const small = {
  segmentBytes: 2 * 1024 * 1024,
  streamPartBytes: 1024 * 1024,
  manifestSegments: 3,
  pieceBytes: 64 * 1024,
};

describe.skipIf(skip)('a folder in a container of Swift, in segments and pieces', () => {
  // Those in which an object is large enough, or of which something could be left.
  const large = cases.filter(({ name }) => /stream|large|joins|ranges|replace|removes an|lists what/u.test(name));
  for (const c of large) {
    it(c.name, { timeout: 60_000 }, ({ signal }) => c.run(() => open(`swift:shared:/a/b-${++count}`, small), signal));
  }

  it('does not show what lies beside it', async () => {
    await using one = await open('swift:shared:/one');
    await using longer = await open('swift:shared:/one-more');
    await longer.create();
    await longer.write('config', utf8('c'));
    expect(await Array.fromAsync(one.list(''))).toEqual([]);
  });
});

async function* stream(bytes: number, failure?: Error): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes; at += 65_536) yield new Uint8Array(Math.min(65_536, bytes - at)).fill(at >> 16);
  if (failure !== undefined) throw failure;
}

/** The segments that lie beside a container, without the names of uploads. */
async function segmentsOf(container: string): Promise<string[]> {
  const listing = await server.request(`/${container}_segments`);
  return (await listing.text())
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.replace(/\/[0-9a-f]{24}\//u, '/*/'));
}

const names = (folder: string, segments: number): string[] =>
  Array.from({ length: segments }, (_, index) => `${folder}/*/0000000${index}`);

describe.skipIf(skip)('a large object in Swift', () => {
  it('is one object of its whole size, whose segments lie in a container of their own', async () => {
    await using storage = await open('swift:large:/p', { streamPartBytes: 100_000 });
    await storage.create();
    await storage.writeStream('archives/a%b', stream(250_000));
    expect(await segmentsOf('large')).toEqual(names('p%2Farchives%2Fa%25b', 3));
    expect(await Array.fromAsync(storage.list(''))).toEqual([{ name: 'archives/a%b', sizeBytes: 250_000 }]);
    expect((await storage.stat('archives/a%b'))?.sizeBytes).toBe(250_000);
    const part = await storage.read('archives/a%b', { offset: 99_990, length: 110_000 });
    expect(part.every((byte, at) => byte === (at + 99_990) >> 16)).toBe(true);
  });

  it('leaves no segment when it is removed, alone or with others, also by somebody who did not write it', async () => {
    await using writer = await open('swift:removed:/', { streamPartBytes: 100_000 });
    await writer.create();
    for (const name of ['a', 'b', 'c']) await writer.writeStream(`archives/${name}`, stream(250_000));
    await writer.write('archives/d', utf8('d'));
    await using storage = await open('swift:removed:/');
    await storage.remove('archives/a');
    await storage.removeMany(['archives/b', 'archives/d', 'archives/none']);
    await writer.remove('archives/c');
    expect(await Array.fromAsync(storage.list(''))).toEqual([]);
    expect(await segmentsOf('removed')).toEqual([]);
  });

  it('leaves no segment when it is replaced', async () => {
    await using storage = await open('swift:replaced:/', { streamPartBytes: 100_000 });
    await storage.create();
    for (const bytes of [350_000, 250_000]) await storage.writeStream('archives/a', stream(bytes));
    expect(await segmentsOf('replaced')).toEqual(names('archives%2Fa', 3));
    await storage.write('archives/a', utf8('small'));
    expect(await segmentsOf('replaced')).toEqual([]);
    expect(Buffer.from(await storage.read('archives/a')).toString()).toBe('small');
  });

  it('leaves no segment when its source fails', async () => {
    await using storage = await open('swift:failed:/', { streamPartBytes: 100_000 });
    await storage.create();
    const failure = new Error('the source failed');
    await expect(storage.writeStream('archives/a', stream(450_000, failure))).rejects.toBe(failure);
    expect(await segmentsOf('failed')).toEqual([]);
  });

  it('of more segments than one manifest names has manifests of its own for groups of them', async () => {
    await using storage = await open('swift:groups:/', { streamPartBytes: 50_000, manifestSegments: 3 });
    await storage.create();
    await storage.writeStream('archives/a', stream(350_001));
    const all = await segmentsOf('groups');
    expect(all.filter((name) => name.includes('group'))).toHaveLength(3);
    expect((await storage.read('archives/a')).length).toBe(350_001);
    await storage.remove('archives/a');
    expect(await segmentsOf('groups')).toEqual([]);
  });

  it('that was never finished is cleared away once it is old, and nothing that is in use', async () => {
    await using storage = await open('swift:stale:/', { streamPartBytes: 100_000 });
    await storage.create();
    await storage.writeStream('archives/a', stream(250_000));
    for (const key of ['archives%252Fa', 'archives%252Flost', 'other%252Flost']) {
      await server.request(`/stale_segments/${key}/0123456789abcdef01234567/00000000`, { method: 'PUT', body: 'x' });
    }
    expect(await storage.abortStaleUploads(3_600_000)).toBe(0);
    expect(await storage.abortStaleUploads(-60_000, { folders: ['archives/'] })).toBe(2);
    expect(await segmentsOf('stale')).toEqual([...names('archives%2Fa', 3), 'other%2Flost/*/00000000']);
    expect((await storage.read('archives/a')).length).toBe(250_000);
  });
});

describe.skipIf(skip)('what Swift refuses', () => {
  it('is more than the quota of a container', async () => {
    await using storage = await open('swift:quota:/');
    await storage.create();
    await server.request('/quota', { method: 'POST', headers: { 'X-Container-Meta-Quota-Bytes': '10' } });
    await expect(storage.write('config', new Uint8Array(100))).rejects.toMatchObject({
      code: 'STORAGE_FULL',
      retry: 'never',
    });
  });

  it('is a container that is not there, for everything but a look for a vault', async () => {
    await using storage = await open('swift:nowhere:/');
    expect(await storage.stat('config')).toBeUndefined();
    for (const call of [
      () => storage.write('config', utf8('c')),
      () => storage.read('config'),
      () => Array.fromAsync(storage.list('')),
    ]) {
      await expect(call()).rejects.toMatchObject({ code: 'BUCKET_MISSING', retry: 'never' });
    }
  });

  it('is a wrong key', async () => {
    await using storage = await open('swift:c:/', { environment: { ...server.environment(), ST_KEY: 'wrong' } });
    await expect(storage.stat('config')).rejects.toMatchObject({ code: 'STORAGE_DENIED', retry: 'never' });
  });

  it('is a user without rights', async () => {
    const environment = { ...server.environment(), ST_USER: 'test:guest', ST_KEY: 'guest' };
    await using storage = await open('swift:c:/', { environment });
    await expect(storage.write('config', utf8('c'))).rejects.toMatchObject({ code: 'STORAGE_DENIED', retry: 'never' });
  });

  it('is a token that has ended', async () => {
    const { storageUrl } = await server.logIn();
    const environment = { OS_STORAGE_URL: storageUrl, OS_AUTH_TOKEN: 'AUTH_tk-of-yesterday' };
    await using storage = await open('swift:c:/', { environment });
    await expect(storage.stat('config')).rejects.toMatchObject({ code: 'CREDENTIALS_EXPIRED', retry: 'never' });
  });
});

describe.skipIf(skip)('a login for Swift', () => {
  const user = { OS_USERNAME: 'ana', OS_PASSWORD: 's3cret', OS_PROJECT_NAME: 'backups', OS_REGION_NAME: 'north' };

  it.each([
    ['of version 3', '/v3', user],
    ['of version 2', '/v2.0', user],
    [
      'with an application credential',
      '',
      {
        OS_APPLICATION_CREDENTIAL_ID: 'a1',
        OS_APPLICATION_CREDENTIAL_SECRET: 's3cret',
        OS_REGION_NAME: 'north',
      },
    ],
  ])('%s leads to the account in the catalog', async (_, path, variables) => {
    await using keystone = await startKeystone(() => server.logIn());
    const env = { ...variables, OS_AUTH_URL: `${keystone.url}${path}` };
    await using storage: Storage = await openStorage(`swift:login-${++count}:/p`, { env });
    await storage.create();
    await storage.write('config', utf8('c'));
    expect(Buffer.from(await storage.read('config')).toString()).toBe('c');
    expect(keystone.logins()).toHaveLength(1);
  });

  it('is a token and an address that somebody else has got', async () => {
    const { token, storageUrl } = await server.logIn();
    await using storage = await open('swift:token:/', {
      environment: { OS_STORAGE_URL: storageUrl, OS_AUTH_TOKEN: token },
    });
    await storage.create();
    expect(await storage.stat('config')).toBeUndefined();
  });
});

describe.skipIf(peersMissing('restic-newest') || skip)('a vault in Swift', () => {
  it('is one for us and for restic', { timeout: 120_000 }, async () => {
    const { restored, checked, isGood } = await shareVault('swift://vault/v', 'swift:vault:/v', server.environment());
    expect(restored).toEqual(['written by us', 'written by restic']);
    expect(checked).toContain('no errors were found');
    expect(isGood).toBe(true);
  });
});
