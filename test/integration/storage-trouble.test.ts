// Real servers behind a proxy that spoils requests: each fault delays an operation, and nothing more. S3 has a file of its
// own (s3-bad-endpoint), and so has SFTP (sftp-trouble, sftp-silence); docs/guides/storage-trouble.md has the table.
import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { utf8, utf8Lossy } from '../../src/base/bytes.ts';
import { openAzureStorage } from '../../src/storage/drivers/azure/azure-storage.ts';
import { openHttpClient } from '../../src/storage/drivers/http/http-client.ts';
import { openMemoryStorage } from '../../src/storage/drivers/memory.ts';
import { RestConnection } from '../../src/storage/drivers/rest/rest-connection.ts';
import { RestStorage } from '../../src/storage/drivers/rest/rest-storage.ts';
import { openRcloneStorage } from '../../src/storage/drivers/rclone/rclone-storage.ts';
import { retrying } from '../../src/storage/layers/retry.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { Azurite } from '../support/azurite.ts';
import { FaultyProxy, type Spoil, spoils } from '../support/faulty-proxy.ts';
import { type JumpingClock, jumpingClock } from '../support/jumping-clock.ts';
import { findPeer, type PeerName } from '../support/peer-catalog.ts';
import { peersMissing } from '../support/peers.ts';
import { startRcloneS3 } from '../support/rclone-s3.ts';
import { serveOurs } from '../support/rest-serving.ts';

const PATIENCE_MS = 200;

interface Server {
  /** Between us and the server or, of rclone, between it and its remote. */
  readonly proxy: FaultyProxy;
  readonly open: () => Promise<Storage>;
}

const closing: AsyncDisposable[] = [];
afterAll(async () => {
  for (const one of closing.toReversed()) await one[Symbol.asyncDispose]();
});

async function behindProxy(target: string): Promise<FaultyProxy> {
  const proxy = await FaultyProxy.start(target);
  closing.push(proxy);
  return proxy;
}

const servers: Record<string, () => Promise<Server>> = {
  'a REST server': async () => {
    const server = await serveOurs(openMemoryStorage());
    closing.push(server);
    const proxy = await behindProxy(server.url);
    const timeouts = { stallMs: PATIENCE_MS, answerMs: PATIENCE_MS, connectMs: PATIENCE_MS };
    const open = async (): Promise<Storage> =>
      new RestStorage(
        new RestConnection(await openHttpClient({ timeouts }), new URL(`${proxy.url}/r/`), undefined, {
          url: 'rest:test',
          replaces: false,
        }),
      );
    return { proxy, open };
  },
  Azure: async () => {
    const server = await Azurite.start();
    closing.push(server);
    const proxy = await behindProxy(`http://127.0.0.1:${server.port}`);
    const env = Object.fromEntries(
      Object.entries(server.environment()).map(([name, value]) => [
        name,
        value.replaceAll(`:${server.port}`, `:${proxy.port}`),
      ]),
    );
    return {
      proxy,
      open: () => openAzureStorage({ container: 'trouble', prefix: 'v' }, env, { stallMs: PATIENCE_MS }),
    };
  },
  rclone: async () => {
    const s3 = await startRcloneS3(['bucket']);
    closing.push(s3);
    const proxy = await behindProxy(s3.endpoint);
    const env = {
      ...process.env,
      CAIRN_RCLONE: findPeer('rclone')?.path,
      RCLONE_CONFIG: join(tmpdir(), 'cairn-no-such-rclone.conf'),
      RCLONE_S3_PROVIDER: 'Other',
      RCLONE_S3_ENDPOINT: proxy.url,
      RCLONE_S3_ACCESS_KEY_ID: s3.environment['AWS_ACCESS_KEY_ID'],
      RCLONE_S3_SECRET_ACCESS_KEY: s3.environment['AWS_SECRET_ACCESS_KEY'],
      RCLONE_S3_REGION: s3.environment['AWS_REGION'],
      // It tries again by itself as well, which is not what is looked at here.
      RCLONE_LOW_LEVEL_RETRIES: '1',
      RCLONE_TIMEOUT: `${PATIENCE_MS}ms`,
    };
    return { proxy, open: () => openRcloneStorage(':s3:bucket/v', { env }) };
  },
};

const peersOf: Record<string, readonly PeerName[]> = { Azure: ['azurite'], rclone: ['rclone'] };

const content = utf8('hello');
const id = createHash('sha256').update(content).digest('hex');
const name = `snapshots/${id}`;

describe.each(Object.entries(servers))('%s behind a line', (what, start) => {
  const skip = peersMissing(...(peersOf[what] ?? []));
  let server: Server;
  let clock: JumpingClock;
  beforeAll(async () => {
    if (!skip) server = await start();
  });
  beforeEach(() => {
    clock = jumpingClock();
  });

  const open = async (giveUpAfterMs?: number): Promise<Storage> =>
    retrying(await server.open(), { clock, random: () => 0.5, giveUpAfterMs });

  describe.skipIf(skip).each(Object.entries<Spoil>(spoils))('that %s', (_, spoil) => {
    // What has to be waited for is waited for once.
    const times = spoil === spoils['says nothing'] || spoil === spoils['stops in the middle of an answer'] ? 1 : 2;

    it('delays a write, a read, a look, a listing and a removal, and nothing more', async () => {
      await using storage = await open();
      await storage.create();
      await storage.remove(name);
      server.proxy.spoil(times, spoil);
      await storage.write(name, content);
      server.proxy.spoil(times, spoil);
      expect(utf8Lossy(await storage.read(name))).toBe('hello');
      server.proxy.spoil(times, spoil);
      expect(await storage.stat(name)).toEqual({ name, sizeBytes: 5 });
      server.proxy.spoil(times, spoil);
      expect(await Array.fromAsync(storage.list('snapshots/'))).toEqual([{ name, sizeBytes: 5 }]);
      server.proxy.spoil(times, spoil);
      await storage.remove(name);
      server.proxy.spoil(0, spoil);
      expect(await storage.stat(name)).toBeUndefined();
    });
  });

  // rclone keeps to itself what its remote asks for.
  if (what !== 'rclone') {
    it.skipIf(skip)('is given the pause it asks for', async () => {
      await using storage = await open();
      server.proxy.spoil(1, spoils['answers 503 and asks for a pause']);
      await storage.create();
      expect(clock.sleeps).toEqual([30_000]);
    });
  }

  it.skipIf(skip)('that fails for good ends with an error that may pass later, and its tries are bounded', async () => {
    await using storage = await open(60_000);
    await storage.create();
    await storage.remove(name);
    server.proxy.spoil(Infinity, spoils['answers 500']);
    await expect(storage.write(name, content)).rejects.toMatchObject({ code: 'STORAGE_UNREACHABLE', retry: 'later' });
    expect(server.proxy.spoiled).toBeLessThan(20);
    server.proxy.spoil(0, spoils['answers 500']);
    expect(await Array.fromAsync(storage.list('snapshots/'))).toEqual([]);
  });
});

describe.skipIf(peersMissing('rclone'))('a remote of rclone that refuses', () => {
  let server: Server;
  beforeAll(async () => {
    server = await servers['rclone']!();
  });

  it.each([
    ['AccessDenied', 'STORAGE_DENIED'],
    ['QuotaExceeded', 'STORAGE_FULL'],
    ['ExpiredToken', 'CREDENTIALS_EXPIRED'],
    ['RequestTimeTooSkewed', 'CLOCK_SKEWED'],
  ])('a write with %s is told at once, with a code of its own: %s', async (refusal, code) => {
    const clock = jumpingClock();
    await using storage = retrying(await server.open(), { clock });
    server.proxy.spoil(Infinity, {
      asks: false,
      answer: (response) =>
        response.writeHead(403, { 'content-type': 'application/xml' }).end(`<Error><Code>${refusal}</Code></Error>`),
    });
    await expect(storage.write(name, content)).rejects.toMatchObject({ code, retry: 'never' });
    expect(clock.sleeps).toEqual([]);
  });
});
