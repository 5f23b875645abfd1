// All care over the network, where an object may not be replaced at once and a listing costs a request.
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Secret } from '../../src/base/secret.ts';
import { openLocalStorage } from '../../src/storage/drivers/local.ts';
import { initVault, openVault } from '../../src/vault/open-vault.ts';
import type { Vault } from '../../src/vault/vault.ts';
import type { PeerName } from '../support/peer-catalog.ts';
import { peersMissing } from '../support/peers.ts';
import { startRcloneS3 } from '../support/rclone-s3.ts';
import { flipBit } from '../support/repository-fixture.ts';
import { serveOurs, serveTheirs } from '../support/rest-serving.ts';

const password = new Secret('correct horse');

let scratch: string;
let source: string;

beforeEach(() => {
  scratch = fs.mkdtempSync(join(tmpdir(), 'cairn-care-'));
  source = join(scratch, 'docs');
  fs.mkdirSync(source);
  fs.mkdirSync(join(scratch, 'served'));
});
afterEach(() => fs.rmSync(scratch, { recursive: true, force: true }));

interface Served extends AsyncDisposable {
  readonly url: string;
}

const servers: readonly (readonly [name: string, peers: readonly PeerName[], serve: () => Promise<Served>])[] = [
  [
    'our REST server',
    [],
    async () => {
      const server = await serveOurs(openLocalStorage(join(scratch, 'served')));
      return { url: `rest:${server.url}vault/`, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
    },
  ],
  [
    'rest-server',
    ['rest-server'],
    async () => {
      const server = await serveTheirs(join(scratch, 'served'));
      return { url: `rest:${server.url}vault/`, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
    },
  ],
  [
    'S3',
    ['rclone'],
    async () => {
      const server = await startRcloneS3(['bucket']);
      const before = { ...process.env };
      Object.assign(process.env, server.environment);
      return {
        url: `s3://bucket/vault?endpoint=${server.endpoint}`,
        [Symbol.asyncDispose]: async () => {
          for (const name of Object.keys(server.environment)) delete process.env[name];
          Object.assign(process.env, before);
          await server[Symbol.asyncDispose]();
        },
      };
    },
  ],
];

async function backUp(vault: Vault, ...days: readonly number[]): Promise<void> {
  for (const day of days) {
    fs.writeFileSync(join(source, 'a.txt'), `day ${day}`);
    fs.writeFileSync(join(source, 'b.tmp'), `temporary ${day}`);
    await vault.backup(source, { time: `2024-01-0${day}T10:00:00Z` });
  }
}

const count = async (vault: Vault): Promise<number> => (await Array.fromAsync(vault.list())).length;

async function expectWhole(vault: Vault): Promise<void> {
  expect(await vault.check({ readData: 'all' })).toMatchObject({ isGood: true });
}

describe.each(servers)('care on %s', (_, peers, serve) => {
  it.skipIf(peersMissing(...peers))('does what it does on a disk', async () => {
    await using server = await serve();
    const options = { password, jobs: 1, cache: { folder: join(scratch, 'cache') } };
    await using vault = await initVault(server.url, { ...options, generatedKey: true, version: 1 });
    await backUp(vault, 1, 2, 3, 4);

    await vault.forget(await vault.planForget({ last: 3 }));
    await vault.tag({ add: ['care'] });
    await vault.rewrite({ exclude: ['*.tmp'] }, { forget: true });
    expect(await count(vault)).toBe(3);
    await expectWhole(vault);

    const { id } = await vault.get('latest');
    await vault.delete('latest');
    const { roots } = await vault.recover();
    expect(roots.length).toBeGreaterThan(0);
    expect(id).not.toBe((await vault.get('latest')).id);
    expect(await vault.repairIndex({ readAllPacks: true })).toMatchObject({ unreadablePacks: [] });
    await expectWhole(vault);

    await vault.migrate();
    await using migrated = await openVault(server.url, options);
    expect(migrated.config.version).toBe(2);
    await backUp(migrated, 5);
    await expectWhole(migrated);
  });
});

it('a repair mends what is damaged in the vault, whatever good copy this machine has', async () => {
  const served = openLocalStorage(join(scratch, 'served'));
  await using server = await serveOurs(served);
  const options = { password, jobs: 1, cache: { folder: join(scratch, 'cache') } };
  await using vault = await initVault(`rest:${server.url}vault/`, { ...options, generatedKey: true });
  await backUp(vault, 1);
  const [index] = await Array.fromAsync(served.list('vault/index/'));
  await flipBit(served, index!.name, 400);

  const { plan } = await vault.repairIndex();
  expect(plan.damagedIndexFiles).toHaveLength(1);
  await expectWhole(vault);
});

it('a vault can be used where this machine can keep nothing of it, which is said once', async () => {
  await using server = await serveOurs(openLocalStorage(join(scratch, 'served')));
  const file = join(scratch, 'file');
  fs.writeFileSync(file, '');
  const notices: string[] = [];
  await using vault = await initVault(`rest:${server.url}vault/`, {
    password,
    jobs: 1,
    generatedKey: true,
    cache: { folder: join(file, 'cache') },
    onNotice: ({ message }) => notices.push(message),
  });
  await backUp(vault, 1);
  await expectWhole(vault);
  expect(notices.filter((text) => text.includes('no local copies'))).toHaveLength(1);
});
