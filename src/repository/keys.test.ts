import { describe, expect, it } from 'vitest';
import { flipBit, makeRepository, TEST_KDF } from '../../test/support/repository-fixture.ts';
import { isCairnError } from '../base/errors.ts';
import { generateKey } from '../base/generated-key.ts';
import { Secret } from '../base/secret.ts';
import { changePassword } from './change-password.ts';
import { addKey, listKeys, removeKey } from './keys.ts';
import { objectName } from './layout.ts';
import { openRepository } from './open-repository.ts';

const second = { password: new Secret('second'), kdf: TEST_KDF };

const hintsOf = (error: unknown): string | undefined => (isCairnError(error) ? error.hint : undefined);

describe('keys', () => {
  it('lists keys and marks the one in use', async () => {
    const { repository } = await makeRepository();
    const added = await addKey(repository, { ...second, username: 'u', hostname: 'h' });
    const keys = await listKeys(repository);
    expect(keys.map(({ id, isCurrent }) => [id, isCurrent])).toEqual([
      [repository.keyId, true],
      [added, false],
    ]);
    expect(keys[1]).toMatchObject({ username: 'u', hostname: 'h', kdf: TEST_KDF });
  });

  it.each([
    ['a password of a person is stretched', 'correct horse battery staple', undefined, { N: 32_768, r: 8, p: 3 }],
    ['a generated key is not: nobody can guess it', generateKey(), undefined, { N: 1024, r: 8, p: 1 }],
    ['nor is one that is said to be random', 'from a secret store', true, { N: 1024, r: 8, p: 1 }],
  ])('%s', async (_, password, generatedKey, kdf) => {
    const { storage, repository } = await makeRepository();
    const id = await addKey(repository, { password: new Secret(password), generatedKey });
    expect((await listKeys(repository)).find((key) => key.id === id)).toMatchObject({ kdf });
    expect((await openRepository(storage, { password: new Secret(password) })).keyId).toBe(id);
  });

  it('takes no generated key with a slip in it: the copy that was saved would not open the vault', async () => {
    const { repository } = await makeRepository();
    const password = new Secret(generateKey().slice(0, -1));
    await expect(addKey(repository, { password })).rejects.toMatchObject({ code: 'ARGUMENT_INVALID' });
    expect(await listKeys(repository)).toHaveLength(1);
  });

  it('says of a generated key that opens nothing whether it was copied wrong', async () => {
    const { storage } = await makeRepository();
    const hintOf = async (password: string): Promise<unknown> =>
      openRepository(storage, { password: new Secret(password) }).catch((error: unknown) => hintsOf(error));
    expect(await hintOf(generateKey())).toContain('belongs to this vault');
    expect(await hintOf(generateKey().slice(0, -1))).toContain('copy it again');
  });

  it('reports a damaged key and lists the others', async () => {
    const { storage, repository } = await makeRepository();
    await flipBit(storage, objectName('key', await addKey(repository, second)), 50);
    const warnings: string[] = [];
    const keys = await listKeys(repository, { onWarning: (error) => warnings.push(error.message) });
    expect([keys.length, warnings.length]).toEqual([1, 1]);
  });

  it('removes a key by a prefix of its id', async () => {
    const { storage, repository } = await makeRepository();
    const added = await addKey(repository, second);
    await removeKey(repository, added.slice(0, 10));
    await expect(openRepository(storage, second)).rejects.toMatchObject({ code: 'PASSWORD_WRONG' });
  });

  it('refuses to remove the key in use', async () => {
    const { repository } = await makeRepository();
    await expect(removeKey(repository, repository.keyId)).rejects.toMatchObject({ code: 'KEY_LAST' });
  });

  it('refuses to remove another key where the one in use is gone: it could be the last', async () => {
    const { storage, repository } = await makeRepository();
    const { added: left } = await changePassword(repository, second);
    await expect(removeKey(repository, left)).rejects.toMatchObject({ code: 'KEY_LAST' });
    expect((await openRepository(storage, second)).keyId).toBe(left);
  });

  it('refuses to remove another key where the one in use is damaged', async () => {
    const { storage, repository } = await makeRepository();
    const other = await addKey(repository, second);
    await flipBit(storage, objectName('key', repository.keyId), 50);
    await expect(removeKey(repository, other)).rejects.toMatchObject({ code: 'KEY_CORRUPT' });
  });

  it.each(['', 'zzz'])('does not know the key "%s"', async (ref) => {
    const { repository } = await makeRepository();
    await expect(removeKey(repository, ref)).rejects.toMatchObject({ code: 'REF_UNKNOWN' });
  });
});
