import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { utf8 } from '../../src/base/bytes.ts';
import { storageConformance } from '../../src/storage/conformance.ts';
import { openAzureStorage } from '../../src/storage/drivers/azure/azure-storage.ts';
import { Azurite } from '../support/azurite.ts';
import { peersMissing } from '../support/peers.ts';

let server: Azurite;
let count = 0;

const skip = peersMissing('azurite');

beforeAll(async () => {
  if (!skip) server = await Azurite.start();
});

afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
});

describe.skipIf(skip)('a container of Azure', () => {
  for (const c of storageConformance) {
    it(c.name, { timeout: 60_000 }, ({ signal }) =>
      c.run(() => openAzureStorage({ container: `whole-${++count}`, prefix: '' }, server.environment()), signal),
    );
  }
});

describe.skipIf(skip)('a folder in a container of Azure', () => {
  for (const c of storageConformance) {
    it(c.name, { timeout: 60_000 }, ({ signal }) =>
      c.run(() => openAzureStorage({ container: 'shared', prefix: `a/b-${++count}` }, server.environment()), signal),
    );
  }

  it('does not show what lies beside it', async () => {
    await using one = await openAzureStorage({ container: 'shared', prefix: 'one' }, server.environment());
    await using longer = await openAzureStorage({ container: 'shared', prefix: 'one-more' }, server.environment());
    await longer.create();
    await longer.write('config', utf8('c'));
    expect(await Array.fromAsync(one.list(''))).toEqual([]);
  });
});

describe.skipIf(skip)('an Azure account', () => {
  it('without the container has no vault yet, and nothing that could be read, listed or replaced', async () => {
    await using storage = await openAzureStorage({ container: 'nowhere', prefix: '' }, server.environment());
    expect(await storage.stat('config')).toBeUndefined();
    for (const call of [
      () => storage.write('config', utf8('c')),
      () => storage.read('config'),
      () => Array.fromAsync(storage.list('')),
    ]) {
      await expect(call()).rejects.toMatchObject({ code: 'BUCKET_MISSING', retry: 'never' });
    }
  });

  it('that refuses the key says so, and the key is not printed', async () => {
    const key = Buffer.from('s3cret-key').toString('base64');
    await using storage = await openAzureStorage({ container: 'shared', prefix: '' }, server.environment(key));
    const error = await storage.read('config').catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'STORAGE_DENIED', retry: 'never' });
    expect(inspect(error, { depth: 9 })).not.toContain(key);
  });

  it.each([
    [{}, 'AZURE_ACCOUNT_NAME'],
    [{ AZURE_ACCOUNT_NAME: 'name' }, 'AZURE_ACCOUNT_KEY'],
  ])('of which the environment says only %j is asked for', async (env, missing) => {
    await expect(openAzureStorage({ container: 'shared', prefix: '' }, env)).rejects.toMatchObject({
      code: 'CREDENTIALS_MISSING',
      message: expect.stringContaining(missing),
    });
  });

  it('that does not answer may answer later', async () => {
    const connection = Object.values(server.environment()).join('').replaceAll(`:${server.port}`, ':1');
    const env = { AZURE_STORAGE_CONNECTION_STRING: connection };
    await using storage = await openAzureStorage({ container: 'shared', prefix: '' }, env);
    await expect(storage.read('config')).rejects.toMatchObject({ code: 'STORAGE_UNREACHABLE', retry: 'later' });
  });
});
