import { describe, expect, it } from 'vitest';
import { makeRepository, TEST_KDF, TEST_PASSWORD, flipBit } from '../../test/support/repository-fixture.ts';
import { utf8, utf8Lossy } from '../base/bytes.ts';
import { Secret } from '../base/secret.ts';
import { sealBytes } from '../formats/crypto/sealed.ts';
import { encodeConfig } from '../formats/snapshot/config.ts';
import { openMemoryStorage } from '../storage/drivers/memory.ts';
import { initRepository } from './init-repository.ts';
import { addKey } from './keys.ts';
import { objectName } from './layout.ts';
import { openRepository } from './open-repository.ts';

describe('initRepository', () => {
  it('makes a repository that its password opens', async () => {
    const { storage, repository } = await makeRepository();
    const opened = await openRepository(storage, { password: TEST_PASSWORD });
    expect(opened.config).toEqual(repository.config);
    expect(opened.key).toEqual(repository.key);
  });

  it('uses the gear chunker and version 2 unless told otherwise', async () => {
    const { repository } = await makeRepository();
    expect(repository.config).toMatchObject({ version: 2, chunker: 'gear' });
  });

  it.each(['config', `keys/${'a'.repeat(64)}`, `snapshots/${'b'.repeat(64)}`])(
    'refuses a place that has %s and changes nothing',
    async (name) => {
      const storage = openMemoryStorage();
      await storage.write(name, new Uint8Array(5));
      await expect(initRepository(storage, { password: TEST_PASSWORD, kdf: TEST_KDF })).rejects.toMatchObject({
        code: 'VAULT_EXISTS',
      });
      const names = [];
      for await (const info of storage.list('')) names.push(info.name);
      expect(names).toEqual([name]);
    },
  );

  it('leaves no key behind when the config cannot be written', async () => {
    const storage = openMemoryStorage();
    const failing = Object.create(storage, {
      write: {
        value: (name: string, ...rest: [Uint8Array]) =>
          name === 'config' ? Promise.reject(new Error('full')) : storage.write(name, ...rest),
      },
    }) as typeof storage;
    Object.defineProperties(failing, {
      create: { value: async () => {} },
      stat: { value: storage.stat.bind(storage) },
      list: { value: storage.list.bind(storage) },
      remove: { value: storage.remove.bind(storage) },
    });
    await expect(initRepository(failing, { password: TEST_PASSWORD, kdf: TEST_KDF })).rejects.toThrow('full');
    const names = [];
    for await (const info of storage.list('')) names.push(info.name);
    expect(names).toEqual([]);
  });
});

describe('openRepository', () => {
  it('says that there is no vault', async () => {
    await expect(openRepository(openMemoryStorage(), { password: TEST_PASSWORD })).rejects.toMatchObject({
      code: 'VAULT_MISSING',
      hint: expect.stringContaining('cairn init'),
    });
  });

  it('refuses a wrong password', async () => {
    const { storage } = await makeRepository();
    await expect(openRepository(storage, { password: new Secret('nope') })).rejects.toMatchObject({
      code: 'PASSWORD_WRONG',
    });
  });

  it('opens with any of several keys, and says which', async () => {
    const { storage, repository } = await makeRepository();
    const password = new Secret('second');
    const keyId = await addKey(repository, { password, kdf: TEST_KDF });
    expect((await openRepository(storage, { password })).keyId).toBe(keyId);
    expect((await openRepository(storage, { password: TEST_PASSWORD })).keyId).toBe(repository.keyId);
  });

  it('skips a damaged key file, tells of it, and opens with another', async () => {
    const { storage, repository } = await makeRepository();
    const keyId = await addKey(repository, { password: new Secret('second'), kdf: TEST_KDF });
    await flipBit(storage, objectName('key', keyId), 77);
    const warnings: string[] = [];
    await openRepository(storage, {
      password: TEST_PASSWORD,
      keyHint: keyId,
      onWarning: (warning) => warnings.push(warning.message),
    });
    expect(warnings).toEqual([expect.stringContaining(objectName('key', keyId))]);
  });

  it('derives nothing at a cost that damage put into a key file', async () => {
    const { storage, repository } = await makeRepository();
    const name = objectName('key', repository.keyId);
    const text = utf8Lossy(await storage.read(name));
    await storage.write(name, utf8(text.replace('"r":1,', '"r":8,')));
    // A derived key would open nothing and say PASSWORD_WRONG.
    await expect(openRepository(storage, { password: TEST_PASSWORD })).rejects.toMatchObject({ code: 'KEY_CORRUPT' });
  });

  it('says when all key files are damaged', async () => {
    const { storage, repository } = await makeRepository();
    await flipBit(storage, objectName('key', repository.keyId), 77);
    await expect(openRepository(storage, { password: TEST_PASSWORD })).rejects.toMatchObject({ code: 'KEY_CORRUPT' });
  });

  it('refuses a damaged config', async () => {
    const { storage } = await makeRepository();
    await flipBit(storage, 'config', 300);
    await expect(openRepository(storage, { password: TEST_PASSWORD })).rejects.toMatchObject({
      code: 'CONFIG_CORRUPT',
    });
  });

  it.each([
    ['a version it does not know', { version: 3 }, 'VAULT_UNSUPPORTED'],
    ['a reducible polynomial', { chunkerPolynomial: 0x3da3358b4dc172n }, 'CONFIG_CORRUPT'],
  ])('refuses %s', async (_, change, code) => {
    const { storage, repository } = await makeRepository();
    const config = encodeConfig({ ...repository.config, ...change } as typeof repository.config);
    await storage.write('config', sealBytes(repository.codec, repository.key, config));
    await expect(openRepository(storage, { password: TEST_PASSWORD })).rejects.toMatchObject({ code });
  });
});
