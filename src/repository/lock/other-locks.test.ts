// Locks in another storage of a mirror; test/integration/mirror-locks.test.ts has the rest, with real files.
import { afterEach, describe, expect, it } from 'vitest';
import { MINUTE, self } from '../../../test/support/lock-fixture.ts';
import { makeRepository, ManualClock, withOrigin } from '../../../test/support/repository-fixture.ts';
import type { LockId } from '../../base/ids.ts';
import { localGoTime } from '../../formats/go-time.ts';
import { encodeLock } from '../../formats/lock/lock-file.ts';
import { openMemoryStorage } from '../../storage/drivers/memory.ts';
import { faulty, type FaultyStorage } from '../../storage/layers/faulty.ts';
import { StorageLayer } from '../../storage/layers/storage-layer.ts';
import { mirrored } from '../../storage/mirror/mirror-storage.ts';
import type { Storage } from '../../storage/storage.ts';
import { objectName } from '../layout.ts';
import type { Repository } from '../repository.ts';
import { lockRepository, type RepositoryLock } from './repository-lock.ts';
import { unlockRepository } from './unlock.ts';

const held: RepositoryLock[] = [];
afterEach(async () => {
  for (const lock of held.splice(0)) await lock[Symbol.asyncDispose]();
});

interface MirrorWorld {
  readonly repository: Repository;
  readonly other: FaultyStorage;
  readonly clock: ManualClock;
  readonly taking: () => Promise<RepositoryLock>;
  /** An exclusive lock of another machine, in the other storage. */
  readonly left: (ageMs: number) => Promise<LockId>;
}

async function setUp(around: (storage: Storage) => Storage = (storage) => storage): Promise<MirrorWorld> {
  const made = await makeRepository();
  const clock = new ManualClock();
  const other = faulty(around(openMemoryStorage('other')), [], { clock });
  const origin = mirrored([made.storage, other], {
    markers: [],
    isPassing: (name) => name.startsWith('locks/'),
    clock,
  });
  const repository = withOrigin(made.repository, origin);
  const taking = async (): Promise<RepositoryLock> => {
    const lock = await lockRepository(repository, { mode: 'exclusive', clock, self });
    held.push(lock);
    return lock;
  };
  const left = (ageMs: number): Promise<LockId> => {
    const time = localGoTime(clock.nowNs() - BigInt(ageMs) * 1_000_000n);
    const owner = { hostname: 'elsewhere', username: 'them', pid: 300, uid: 0, gid: 0 };
    return made.repository.at(other).saveUnpacked('lock', encodeLock({ time, exclusive: true, ...owner }));
  };
  return { repository, other, clock, taking, left };
}

const locksIn = (storage: Storage): Promise<string[]> => Array.fromAsync(storage.list('locks/'), ({ name }) => name);

describe('a lock in another storage of a mirror, which tells no times,', () => {
  class Timeless extends StorageLayer {
    override get writtenAt(): undefined {
      return undefined;
    }
  }

  it.each([
    [31, 0],
    [29, 1],
  ])('that is %i minutes old by its own time: %i stay', async (minutes, stay) => {
    const { taking, left, clock, other } = await setUp((storage) => new Timeless(storage));
    const id = await left(minutes * MINUTE);
    const taken = taking();
    await clock.advance(300);
    await taken;
    expect((await locksIn(other)).filter((name) => name === objectName('lock', id))).toHaveLength(stay);
  });
});

describe('another storage of a mirror', () => {
  it('that does not answer when its locks are looked for is passed over after five seconds', async () => {
    const { taking, clock, other } = await setUp();
    other.inject({ how: 'delay', delayMs: 60 * MINUTE, when: ({ kind }) => kind === 'list' });
    let isTaken = false;
    const taken = taking().then(() => (isTaken = true));
    await clock.advance(4_999);
    expect(isTaken).toBe(false);
    await clock.advance(1);
    await taken;
  });

  it('that fails when its locks are looked for keeps nobody from a lock', async () => {
    const { taking, clock, other } = await setUp();
    other.inject({ how: 'fail', when: ({ kind }) => kind === 'list' });
    const taken = taking();
    await clock.advance(300);
    await expect(taken).resolves.toBeDefined();
  });

  it('that did not take our lock is not looked at', async () => {
    const { taking, clock, other } = await setUp();
    other.inject({ how: 'fail', when: ({ kind }) => kind === 'write' });
    const taken = taking();
    await clock.advance(300);
    await taken;
    expect(other.operations.filter(({ kind }) => kind === 'list')).toEqual([]);
  });

  it('is named by an unlock that cannot look at it', async () => {
    const { repository, clock, other } = await setUp();
    other.inject({ how: 'fail', when: ({ kind }) => kind === 'list' });
    expect((await unlockRepository(repository, { clock, self })).unreached).toMatchObject([{ url: 'memory:other' }]);
  });
});
