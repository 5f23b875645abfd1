// Storages behind restic's REST protocol, asked the same as all others: restic's rest-server, our own, both versions of
// the protocol, a Unix socket, and rclone.
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { utf8 } from '../../src/base/bytes.ts';
import { appliesTo, storageConformance } from '../../src/storage/conformance.ts';
import { openLocalStorage } from '../../src/storage/drivers/local.ts';
import { openMemoryStorage } from '../../src/storage/drivers/memory.ts';
import { retrying } from '../../src/storage/layers/retry.ts';
import { streamCases } from '../../src/storage/stream-conformance.ts';
import { openStorage } from '../../src/storage/open-storage.ts';
import type { Storage, StorageFeatures } from '../../src/storage/storage.ts';
import type { PeerName } from '../support/peer-catalog.ts';
import { findPeer } from '../support/peer-catalog.ts';
import { peersMissing } from '../support/peers.ts';
import { accountsOf, type ServedUrl, serveOurs, serveTheirs } from '../support/rest-serving.ts';

let scratch = '';
let count = 0;
let closing: AsyncDisposable[] = [];
const bases = new Map<string, string>();

const features: StorageFeatures = {
  atomicWrite: false,
  remote: true,
  connections: 5,
  localPath: undefined,
  resticNamesOnly: true,
};

/** A server of version 1: it knows nothing of sizes in listings, so nobody asks it for them. */
async function versionOne(target: string): Promise<ServedUrl> {
  const server = createServer((incoming, outgoing) => {
    const { accept: _, ...headers } = incoming.headers;
    const forwarded = httpRequest(
      new URL(incoming.url ?? '', target),
      { method: incoming.method, headers },
      (answer) => {
        outgoing.writeHead(answer.statusCode ?? 0, answer.headers);
        answer.pipe(outgoing);
      },
    );
    forwarded.once('error', () => outgoing.destroy());
    incoming.pipe(forwarded);
    incoming.once('close', () => {
      if (!incoming.complete) forwarded.destroy();
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  const dispose = async (): Promise<void> => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  };
  return { url: `http://127.0.0.1:${port}/`, [Symbol.asyncDispose]: dispose };
}

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'cairn-rest-'));
  const folder = (name: string): string => {
    mkdirSync(join(scratch, name));
    return join(scratch, name);
  };
  const overLocal = await serveOurs(openLocalStorage(folder('ours')));
  const overMemory = await serveOurs(openMemoryStorage(), {
    access: { kind: 'users', accounts: await accountsOf('ana'), privateRepos: false },
  });
  const socket = join(scratch, 'socket');
  const overSocket = await serveOurs(openMemoryStorage(), { listen: { kind: 'unix', path: socket } });
  const old = await versionOne(overLocal.url);
  bases.set('our server over a folder', `rest:${overLocal.url}`);
  bases.set('our server over memory, with users', `rest:${overMemory.url.replace('//', '//ana:ana-password@')}`);
  bases.set('our server behind a Unix socket', `rest:http+unix://${socket}:/`);
  bases.set('a server of version 1', `rest:${old.url}`);
  closing = [old, overSocket, overMemory, overLocal];
  if (findPeer('rest-server') === undefined) return;
  const theirs = await serveTheirs(folder('theirs'));
  bases.set('rest-server', `rest:${theirs.url}`);
  closing.push(theirs);
});

afterAll(async () => {
  for (const one of closing) await one[Symbol.asyncDispose]();
  await rm(scratch, { recursive: true, force: true });
});

const cases = storageConformance.filter((c) => appliesTo(c, features));

function openIn(name: string): Promise<Storage> {
  return openStorage(`${bases.get(name)}case${++count}/`);
}

const servers: Record<string, readonly PeerName[]> = {
  'our server over a folder': [],
  'our server over memory, with users': [],
  'our server behind a Unix socket': [],
  'a server of version 1': [],
  'rest-server': ['rest-server'],
};

for (const [name, peers] of Object.entries(servers)) {
  describe.skipIf(peersMissing(...peers))(name, () => {
    for (const c of cases) it(c.name, { timeout: 30_000 }, ({ signal }) => c.run(() => openIn(name), signal));
  });
}

describe('our server over a folder, with the retry layer', () => {
  for (const c of cases) {
    const open = async (): Promise<Storage> => retrying(await openIn('our server over a folder'));
    it(c.name, { timeout: 30_000 }, ({ signal }) => c.run(open, signal));
  }
});

const rcloneRemotes: Record<string, () => string> = {
  'rclone over a folder': () => `rclone::local:${join(scratch, `rclone${++count}`)}`,
  'rclone over memory': () => `rclone::memory:bucket${++count}`,
};

function openWithRclone(url: string): Promise<Storage> {
  process.env['CAIRN_RCLONE'] = findPeer('rclone')?.path;
  return openStorage(url);
}

for (const [name, remote] of Object.entries(rcloneRemotes)) {
  describe.skipIf(peersMissing('rclone'))(name, () => {
    const looseCases = cases.filter((c) => appliesTo(c, { ...features, looseIfAbsent: true }));
    for (const c of looseCases) {
      it(c.name, { timeout: 30_000 }, ({ signal }) => c.run(() => openWithRclone(remote()), signal));
    }
  });
}

async function* oneByte(): AsyncGenerator<Uint8Array> {
  yield utf8('x');
}

describe.each(Object.keys(servers).filter((name) => name !== 'rest-server'))('a stream to a shelf of %s', (name) => {
  for (const { name: promise, body } of streamCases) {
    it(promise, { timeout: 30_000 }, async () => {
      await using storage = await openIn(name);
      await storage.create();
      expect(storage.features.resticNamesOnly).toBe(false);
      await body(storage);
    });
  }
});

describe('what a vault has beside a repository', () => {
  it('is kept by our server', async () => {
    await using storage = await openIn('our server over a folder');
    await storage.create();
    const names = ['archives/a b/x.tar.zst', "replicas/!$&'()*+,;=@#?/x", 'values/%2e%2e/e~'];
    for (const name of names) await storage.write(name, utf8(name));
    await storage.write(names[0]!, utf8('replaced'));
    await expect(storage.write(names[0]!, utf8('x'), { ifAbsent: true })).rejects.toMatchObject({
      code: 'OBJECT_EXISTS',
    });
    expect((await Array.fromAsync(storage.list(''), ({ name }) => name)).toSorted()).toEqual(names);
    expect(await Array.fromAsync(storage.list('archives/a b/'))).toEqual([{ name: names[0], sizeBytes: 8 }]);
    expect(Buffer.from(await storage.read(names[1]!, { offset: 0, length: 8 })).toString()).toBe('replicas');
    await storage.removeMany(names);
    expect(await Array.fromAsync(storage.list(''))).toEqual([]);
  });

  it.skipIf(peersMissing('rest-server'))('cannot be kept by another server, which is said', async () => {
    await using storage = await openIn('rest-server');
    await storage.create();
    const said = { code: 'NOT_SUPPORTED', hint: expect.stringContaining('cairn serve') as unknown };
    await expect(storage.write('archives/x/y', utf8('x'))).rejects.toMatchObject(said);
    for (const name of ['archives/x/y', 'data/x'])
      await expect(storage.writeStream(name, oneByte())).rejects.toMatchObject(said);
    expect(storage.features.resticNamesOnly).toBe(true);
    expect(await storage.stat('archives/x/y')).toBeUndefined();
    await storage.remove('archives/x/y');
    expect(await Array.fromAsync(storage.list(''))).toEqual([]);
  });
});
