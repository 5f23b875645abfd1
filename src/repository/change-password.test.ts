import { describe, expect, it } from 'vitest';
import { makeRepository, type MadeRepository, TEST_KDF, TEST_PASSWORD } from '../../test/support/repository-fixture.ts';
import type { KeyId } from '../base/ids.ts';
import { Secret } from '../base/secret.ts';
import { changePassword } from './change-password.ts';
import { addKey, listKeys, unfinishedChanges } from './keys.ts';
import { openRepository } from './open-repository.ts';

const ana = { kdf: TEST_KDF, username: 'ana', hostname: 'web' };
const second = { ...ana, password: new Secret('second') };
const third = { ...ana, password: new Secret('third') };

type Made = MadeRepository & { readonly keyId: KeyId };

/** A vault of ana's, its password changed from the first to the second one, but killed before the old key went. */
async function interrupted(owner: { readonly username?: string; readonly hostname?: string } = {}): Promise<Made> {
  const made = await makeRepository(ana);
  const keyId = await addKey(made.repository, { ...second, ...owner, replaces: made.repository.keyId });
  return { ...made, keyId };
}

async function idsOf({ repository }: MadeRepository): Promise<readonly KeyId[]> {
  return (await listKeys(repository)).map(({ id }) => id);
}

describe('a change of the password', () => {
  it('opens with the new password, not with the old one', async () => {
    const { storage, repository } = await makeRepository();
    const { added } = await changePassword(repository, second);
    expect((await openRepository(storage, second)).keyId).toBe(added);
    await expect(openRepository(storage, { password: TEST_PASSWORD })).rejects.toMatchObject({
      code: 'PASSWORD_WRONG',
    });
  });

  it.each([
    { opened: 'the old password', to: 'another one', password: TEST_PASSWORD, next: third },
    { opened: 'the old password', to: 'the same one', password: TEST_PASSWORD, next: second },
    { opened: 'the new password', to: 'another one', password: second.password, next: third },
    { opened: 'the new password', to: 'the same one', password: second.password, next: second },
  ])('to $to leaves one key after an interrupted one, opened with $opened', async ({ password, next }) => {
    const made = await interrupted();
    const before = await idsOf(made);
    const change = await changePassword(await openRepository(made.storage, { password }), next);
    expect(await idsOf(made)).toEqual([change.added]);
    expect(change.removed.toSorted()).toEqual(before.toSorted());
  });

  it('leaves one key after several that were interrupted, whichever password opens it', async () => {
    for (const password of [TEST_PASSWORD, second.password, third.password]) {
      const made = await interrupted();
      await addKey(made.repository, { ...third, replaces: made.keyId });
      const { added } = await changePassword(await openRepository(made.storage, { password }), third);
      expect(await idsOf(made)).toEqual([added]);
    }
  });

  it('leaves one key where the change that settles an interrupted one is interrupted too', async () => {
    for (const opening of [TEST_PASSWORD, second.password, third.password]) {
      const made = await interrupted();
      const faulty = await openRepository(made.storage, { password: TEST_PASSWORD });
      let removals = 0;
      faulty.removeFile = (kind, id) =>
        removals++ === 0 ? made.repository.removeFile(kind, id) : Promise.reject(new Error('killed'));
      await expect(changePassword(faulty, third)).rejects.toThrow('killed');
      const opened = await openRepository(made.storage, { password: opening }).catch(() => undefined);
      if (opened === undefined) continue;
      const { added } = await changePassword(opened, third);
      expect(await idsOf(made)).toEqual([added]);
    }
  });

  it('leaves the keys that others have added, also those of the same user and machine', async () => {
    const made = await interrupted();
    const others = [
      await addKey(made.repository, { ...ana, password: new Secret('for the script') }),
      await addKey(made.repository, { ...ana, username: 'bob', password: new Secret('of bob') }),
    ];
    const { added } = await changePassword(made.repository, third);
    expect((await idsOf(made)).toSorted()).toEqual([...others, added].toSorted());
  });

  it.each([{ username: 'bob' }, { hostname: 'db' }])('names a key that %o had left, and leaves it', async (owner) => {
    const made = await interrupted(owner);
    const change = await changePassword(made.repository, third);
    expect(change).toMatchObject({ removed: [made.repository.keyId], kept: [{ id: made.keyId }] });
    expect((await idsOf(made)).toSorted()).toEqual([made.keyId, change.added].toSorted());
  });

  it('that was interrupted shows in the list of keys until it is ended', async () => {
    const made = await interrupted();
    const unfinished = async (): Promise<KeyId[]> =>
      unfinishedChanges(await listKeys(made.repository)).map(({ id }) => id);
    expect(await unfinished()).toEqual([made.keyId]);
    await changePassword(made.repository, third);
    expect(await unfinished()).toEqual([]);
  });

  it('leaves one key after another one of the same open vault', async () => {
    const made = await makeRepository(ana);
    await changePassword(made.repository, second);
    const { added } = await changePassword(made.repository, third);
    expect(await idsOf(made)).toEqual([added]);
  });
});
