import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { contextOf } from '../../../test/support/fault-sweep.ts';
import { lockedByAnother } from '../../../test/support/lock-fixture.ts';
import { MeetsAnother } from '../../../test/support/meets-another.ts';
import { type MadeRepository, makeRepository, withOrigin } from '../../../test/support/repository-fixture.ts';
import { utf8 } from '../../base/bytes.ts';
import { systemClock } from '../../base/clock.ts';
import { localGoTime } from '../../formats/go-time.ts';
import { encodeLock, type LockFile } from '../../formats/lock/lock-file.ts';
import { SettlingLock } from './settling-lock.ts';

let made: MadeRepository;
beforeEach(async () => void (made = await makeRepository()));

async function lockFiles(): Promise<string[]> {
  return await Array.fromAsync(made.storage.list('locks/'), ({ name }) => name);
}

const foreign: LockFile = {
  time: localGoTime(systemClock.nowNs()),
  exclusive: true,
  hostname: 'elsewhere',
  username: 'them',
  pid: 300,
  uid: 0,
  gid: 0,
};

const { signal } = new AbortController();

describe('what is read beside a lock that is being taken', () => {
  it('is read once where nobody else holds the vault', async () => {
    await using lock = new SettlingLock(made.repository, contextOf(made.repository).settings, signal);
    let reads = 0;
    expect(await lock.read(() => Promise.resolve(++reads))).toBe(1);
  });

  it('is read anew where a lock was passed over that is old by clocks which may differ', async () => {
    const time = localGoTime(systemClock.nowNs() - 31n * 60n * 1_000_000_000n);
    await made.repository.saveUnpacked('lock', encodeLock({ ...foreign, time }));
    await using lock = new SettlingLock(made.repository, contextOf(made.repository).settings, signal);
    let reads = 0;
    expect(await lock.read(() => Promise.resolve(++reads))).toBe(2);
  });

  it('is not used where somebody else may be removing what it relies on', async () => {
    await lockedByAnother(made.repository);
    await using lock = new SettlingLock(made.repository, contextOf(made.repository).settings, signal);
    await expect(lock.read(() => Promise.resolve('old'))).rejects.toMatchObject({ code: 'VAULT_LOCKED' });
  });

  it('is read anew where its lock took so long to be written that somebody else may have come and gone', async () => {
    const storage = new MeetsAnother(made.storage);
    storage.other = () => sleep(250);
    const repository = withOrigin(made.repository, storage);
    await using lock = new SettlingLock(repository, contextOf(repository).settings, signal);
    let reads = 0;
    expect(await lock.read(() => Promise.resolve(++reads))).toBe(2);
  });

  it('ends the work where somebody came and went in a folder of this machine, and took an index file along', async () => {
    const index = await made.repository.saveUnpacked('index', utf8('{"packs":[]}'));
    const storage = new MeetsAnother(made.storage, undefined, '/');
    storage.other = () => made.repository.removeFile('index', index);
    const repository = withOrigin(made.repository, storage);
    await using lock = new SettlingLock(repository, contextOf(repository).settings, signal);
    await expect(lock.settled).rejects.toMatchObject({ code: 'VAULT_LOCKED', retry: 'later' });
    expect(await lockFiles()).toEqual([]);
  });

  it('ends the work where somebody else came at the same moment, however long it may wait for a lock', async () => {
    const storage = new MeetsAnother(made.storage);
    storage.other = () => made.repository.saveUnpacked('lock', encodeLock(foreign));
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
