// A repository, a clock that a test moves, and locks of this process and of others in it.
import { afterEach } from 'vitest';
import { encodeLock, type LockFile } from '../../src/formats/lock/lock-file.ts';
import { localGoTime } from '../../src/formats/go-time.ts';
import type { LockNotice } from '../../src/repository/lock/acquire-lock.ts';
import type { ProcessIdentity } from '../../src/repository/lock/process-identity.ts';
import { lockRepository, type LockOptions, type RepositoryLock } from '../../src/repository/lock/repository-lock.ts';
import type { LockId } from '../../src/base/ids.ts';
import type { Repository } from '../../src/repository/repository.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { makeRepository, ManualClock } from './repository-fixture.ts';

export const MINUTE = 60_000;
export const self: ProcessIdentity = {
  hostname: 'here',
  username: 'me',
  pid: 100,
  uid: 1,
  gid: 1,
  pidSpace: 'boot 1 pid:[1]',
  isAlive: (pid) => pid === 100 || pid === 200,
};

/** Released after each test. */
export const held: AsyncDisposable[] = [];
afterEach(async () => {
  for (const lock of held.splice(0)) await lock[Symbol.asyncDispose]();
});

/** An exclusive lock of somebody else. */
export async function lockedByAnother(repository: Repository): Promise<RepositoryLock> {
  const lock = await lockRepository(repository, { mode: 'exclusive' });
  held.push(lock);
  return lock;
}

export interface LockWorld {
  readonly storage: Storage;
  readonly repository: Repository;
  readonly clock: ManualClock;
  readonly notices: LockNotice[];
  readonly take: (options?: Partial<LockOptions>) => Promise<RepositoryLock>;
  /** Takes a lock with time passing. */
  readonly taken: (options?: Partial<LockOptions>, ms?: number) => Promise<RepositoryLock>;
  /** Writes the lock of somebody else. */
  readonly foreign: (change?: Partial<LockFile>, ageMs?: number) => Promise<LockId>;
  readonly lockFiles: () => Promise<string[]>;
}

export async function setUp(): Promise<LockWorld> {
  const { storage, repository } = await makeRepository();
  const clock = new ManualClock();
  const notices: LockNotice[] = [];
  const take = (options: Partial<LockOptions> = {}): Promise<RepositoryLock> => {
    const promise = lockRepository(repository, {
      mode: 'shared',
      clock,
      self,
      random: () => 0,
      onNotice: (notice) => notices.push(notice),
      ...options,
    });
    return promise.then((lock) => {
      held.push(lock);
      return lock;
    });
  };
  const taken = async (options: Partial<LockOptions> = {}, ms = 300): Promise<RepositoryLock> => {
    const promise = take(options);
    promise.catch(() => {});
    await clock.advance(ms);
    return promise;
  };
  const foreign = (change: Partial<LockFile> = {}, ageMs = 0): Promise<LockId> =>
    repository.saveUnpacked(
      'lock',
      encodeLock({
        time: localGoTime(clock.nowNs() - BigInt(ageMs) * 1_000_000n),
        exclusive: false,
        hostname: 'elsewhere',
        username: 'them',
        pid: 300,
        uid: 0,
        gid: 0,
        ...change,
      }),
    );
  const lockFiles = async (): Promise<string[]> => {
    const names = [];
    for await (const { name } of storage.list('locks/')) names.push(name);
    return names;
  };
  return { storage, repository, clock, notices, take, taken, foreign, lockFiles };
}
