import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { contextOf } from '../../test/support/fault-sweep.ts';
import { lockedByAnother } from '../../test/support/lock-fixture.ts';
import { MeetsAnother } from '../../test/support/meets-another.ts';
import { type MadeRepository, makeRepository, withOrigin } from '../../test/support/repository-fixture.ts';
import { systemClock } from '../base/clock.ts';
import { CairnError } from '../base/errors.ts';
import { localGoTime } from '../formats/go-time.ts';
import { encodeLock, type LockFile } from '../formats/lock/lock-file.ts';
import { lockRepository } from '../repository/lock/repository-lock.ts';
import type { Repository } from '../repository/repository.ts';
import { openReadingSession, type ReadingSession } from './reading-session.ts';

let made: MadeRepository;
beforeEach(async () => void (made = await makeRepository()));

const lockFiles = (): Promise<string[]> => Array.fromAsync(made.storage.list('locks/'), ({ name }) => name);

/** Its holder has ended, or has a clock that is behind. */
const oldLock = (): LockFile => ({
  time: localGoTime(systemClock.nowNs() - 31n * 60n * 1_000_000_000n),
  exclusive: true,
  hostname: 'elsewhere',
  username: 'them',
  pid: 300,
  uid: 0,
  gid: 0,
});

function open<T>(
  load: (signal: AbortSignal) => Promise<T>,
  repository: Repository = made.repository,
  retryLockMs = 0,
): Promise<ReadingSession<T>> {
  const settings = { ...contextOf(repository).settings, retryLockMs };
  return openReadingSession(repository, settings, { mode: 'exclusive', purpose: 'write' }, load);
}

describe('a session that reads while its lock is taken', () => {
  it('reads once, before its lock is there, where nobody is met', async () => {
    const { session, loaded, isEarly } = await open(lockFiles);
    await using _session = session;
    expect({ loaded, isEarly }).toEqual({ loaded: [], isEarly: true });
  });

  it('reads under the lock in a folder of this machine', async () => {
    const repository = withOrigin(made.repository, new MeetsAnother(made.storage, () => Promise.resolve(), '/'));
    const { session, loaded, isEarly } = await open(lockFiles, repository);
    await using _session = session;
    expect([loaded.length, isEarly]).toEqual([1, false]);
  });

  it('reads under the lock where it passed over one that is old by clocks which may differ', async () => {
    await made.repository.saveUnpacked('lock', encodeLock(oldLock()));
    const { session, isEarly } = await open(lockFiles);
    await using _session = session;
    expect(isEarly).toBe(false);
  });

  it('reads nothing while somebody else is there', async () => {
    await lockedByAnother(made.repository);
    let reads = 0;
    await expect(open(() => Promise.resolve(++reads))).rejects.toMatchObject({ code: 'VAULT_LOCKED' });
    expect(reads).toBe(0);
  });

  it('reads anew where somebody came at the same moment, when he has gone', async () => {
    const storage = new MeetsAnother(made.storage, async () => {
      const lock = await lockRepository(made.repository, { mode: 'exclusive' });
      setTimeout(() => void lock[Symbol.asyncDispose](), 1000);
    });
    let reads = 0;
    const { session, loaded } = await open(
      () => Promise.resolve(++reads),
      withOrigin(made.repository, storage),
      60_000,
    );
    await using _session = session;
    expect(loaded).toBe(2);
  });

  it('reads anew where its lock took so long to be written that somebody else may have come and gone', async () => {
    const storage = new MeetsAnother(made.storage, () => sleep(250));
    let reads = 0;
    const { session, loaded } = await open(() => Promise.resolve(++reads), withOrigin(made.repository, storage));
    await using _session = session;
    expect(loaded).toBe(2);
  });

  it('reads anew what could not be read: somebody whom nobody saw may have removed it', async () => {
    let reads = 0;
    const { session, loaded } = await open(async () => {
      if (++reads === 1) throw new CairnError('OBJECT_MISSING', 'gone');
      return reads;
    });
    await using _session = session;
    expect(loaded).toBe(2);
  });

  it('leaves no lock and nothing that still reads where the lock cannot be had', async () => {
    const storage = new MeetsAnother(made.storage, () => lockedByAnother(made.repository));
    let ended: unknown;
    const load = (signal: AbortSignal): Promise<never> =>
      sleep(60_000, undefined, { signal }).then(
        () => Promise.reject(new Error('it was waited for')),
        (error: unknown) => {
          ended = error;
          throw error;
        },
      );
    await expect(open(load, withOrigin(made.repository, storage))).rejects.toMatchObject({ code: 'VAULT_LOCKED' });
    expect(ended).toMatchObject({ name: 'AbortError' });
    expect(await lockFiles()).toHaveLength(1);
  });

  it('releases the lock where what is to be read cannot be', async () => {
    await expect(open(() => Promise.reject(new CairnError('INDEX_CORRUPT', 'damaged')))).rejects.toMatchObject({
      code: 'INDEX_CORRUPT',
    });
    expect(await lockFiles()).toEqual([]);
  });
});
