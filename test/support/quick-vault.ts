// A new vault whose passwords cost next to nothing, for tests that are about something else.
import { Secret } from '../../src/base/secret.ts';
import { initRepository } from '../../src/repository/init-repository.ts';
import type { Storage } from '../../src/storage/storage.ts';
import type { VaultNotice } from '../../src/vault/vault-options.ts';
import { Vault } from '../../src/vault/vault.ts';

export async function quickVault(
  storage: Storage,
  password: string,
  notify: (notice: VaultNotice) => void = () => {},
): Promise<Vault> {
  const secret = new Secret(password);
  const repository = await initRepository(storage, { password: secret, kdf: { N: 2, r: 8, p: 1 } });
  return new Vault(storage, repository, {
    retryLockMs: 0,
    lock: true,
    jobs: 2,
    memoryFolder: undefined,
    password: secret,
    ageWorkFactor: 4,
    notify,
  });
}
