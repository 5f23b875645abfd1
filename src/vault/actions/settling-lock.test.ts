import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { contextOf } from '../../../test/support/fault-sweep.ts';
import { type MadeRepository, makeRepository, withOrigin } from '../../../test/support/repository-fixture.ts';
import { lockRepository, type RepositoryLock } from '../../repository/lock/repository-lock.ts';
import { StorageLayer } from '../../storage/layers/storage-layer.ts';
import type { WriteOptions } from '../../storage/storage.ts';
import { SettlingLock } from './settling-lock.ts';

/** Somebody else's exclusive lock comes between the look and the lock that is written then. */
class MeetsAnother extends StorageLayer {
  other: (() => Promise<RepositoryLock>) | undefined;

  override async write(name: string, data: Uint8Array, options?: WriteOptions): Promise<void> {
    const { other } = this;
    this.other = undefined;
    await other?.();
    return this.inner.write(name, data, options);
  }
}

let made: MadeRepository;
beforeEach(async () => void (made = await makeRepository()));
const others: RepositoryLock[] = [];
afterEach(async () => {
  for (const lock of others.splice(0)) await lock[Symbol.asyncDispose]();
});

async function lockedByAnother(): Promise<RepositoryLock> {
  const lock = await lockRepository(made.repository, { mode: 'exclusive' });
  others.push(lock);
  return lock;
}

const { signal } = new AbortController();

describe('what is read beside a lock that is being taken', () => {
  it('is read once where nobody else holds the vault', async () => {
    await using lock = new SettlingLock(made.repository, contextOf(made.repository).settings, signal);
    let reads = 0;
    expect(await lock.read(() => Promise.resolve(++reads))).toBe(1);
  });

  it('is not used where somebody else may be removing what it relies on', async () => {
    await lockedByAnother();
    await using lock = new SettlingLock(made.repository, contextOf(made.repository).settings, signal);
    await expect(lock.read(() => Promise.resolve('old'))).rejects.toMatchObject({ code: 'VAULT_LOCKED' });
  });

  it('ends the work where somebody else came at the same moment, however long it may wait for a lock', async () => {
    const storage = new MeetsAnother(made.storage);
    storage.other = lockedByAnother;
    const repository = withOrigin(made.repository, storage);
    const settings = { ...contextOf(repository).settings, retryLockMs: 60_000 };
    await using lock = new SettlingLock(repository, settings, signal);
    const work = lock.during(async () => {
      await lock.read(() => Promise.resolve('read'));
      return new Promise<never>((_, reject) => {
        lock.signal.addEventListener('abort', () => reject(lock.signal.reason), { once: true });
      });
    });
    await expect(work).rejects.toMatchObject({ code: 'VAULT_LOCKED', retry: 'later' });
  });
});
