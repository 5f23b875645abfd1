import { describe, expect, it } from 'vitest';
import { flipBit, makeRepository, TEST_KDF } from '../../test/support/repository-fixture.ts';
import { Secret } from '../base/secret.ts';
import { changePassword } from './change-password.ts';
import { addKey, listKeys, removeKey } from './keys.ts';
import { objectName } from './layout.ts';
import { openRepository } from './open-repository.ts';

const second = { password: new Secret('second'), kdf: TEST_KDF };

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
