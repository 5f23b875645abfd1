// An exclusive lock that takes the place of a shared one, as a prune does it.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type MadeRepository,
  makeRepository,
  ManualClock,
  withOrigin,
} from '../../../test/support/repository-fixture.ts';
import { faulty } from '../../storage/layers/faulty.ts';
import { objectName } from '../layout.ts';
import { lockRepository, type LockOptions, type RepositoryLock } from './repository-lock.ts';

let made: MadeRepository;
let clock: ManualClock;
const held: RepositoryLock[] = [];
beforeEach(async () => {
  made = await makeRepository();
  clock = new ManualClock();
});
afterEach(async () => {
  for (const lock of held.splice(0)) await lock[Symbol.asyncDispose]();
});

async function take(options: LockOptions, repository = made.repository): Promise<RepositoryLock> {
  const lock = await lockRepository(repository, { clock, random: () => 0, ...options });
  held.push(lock);
  return lock;
}

async function taken(options: LockOptions, repository = made.repository): Promise<RepositoryLock> {
  const promise = take(options, repository);
  promise.catch(() => {});
  await clock.advance(300);
  return promise;
}

const lockFiles = (): Promise<string[]> => Array.fromAsync(made.storage.list('locks/'), ({ name }) => name);

describe('a lock that another one takes the place of', () => {
  it('is gone when the other one is held', async () => {
    const shared = await taken({ mode: 'shared' });
    const exclusive = await taken({ mode: 'exclusive', instead: shared });
    expect(await lockFiles()).toEqual([objectName('lock', exclusive.id)]);
  });

  it('is gone also where the other one cannot be had', async () => {
    const other = await taken({ mode: 'shared' });
    const shared = await taken({ mode: 'shared' });
    await expect(taken({ mode: 'exclusive', instead: shared })).rejects.toMatchObject({ code: 'VAULT_LOCKED' });
    expect(await lockFiles()).toEqual([objectName('lock', other.id)]);
  });

  it('is gone before the file of the other one is written', async () => {
    const shared = await taken({ mode: 'shared' });
    const storage = faulty(made.storage);
    let there: string[] | undefined;
    storage.write = async (...args) => {
      there = await lockFiles();
      return made.storage.write(...args);
    };
    await taken({ mode: 'exclusive', instead: shared }, withOrigin(made.repository, storage));
    expect(there).toEqual([]);
  });

  it('is in the way where its file cannot be removed', async () => {
    const storage = faulty(made.storage);
    const repository = withOrigin(made.repository, storage);
    const shared = await taken({ mode: 'shared' }, repository);
    const file = objectName('lock', shared.id);
    storage.remove = async (name, options) => {
      if (name === file) throw new Error('denied');
      return made.storage.remove(name, options);
    };
    await expect(taken({ mode: 'exclusive', instead: shared }, repository)).rejects.toMatchObject({
      code: 'VAULT_LOCKED',
    });
    expect(await lockFiles()).toEqual([file]);
  });

  it('is given up by each of two that change at the same moment, so that both come to their turn', async () => {
    const [a, b] = [await taken({ mode: 'shared' }), await taken({ mode: 'shared' })];
    const change = (shared: RepositoryLock, random: number): Promise<string> =>
      lockRepository(made.repository, {
        mode: 'exclusive',
        instead: shared,
        retryMs: 10 * 60_000,
        clock,
        random: () => random,
      }).then(async (lock) => {
        const files = await lockFiles();
        await lock[Symbol.asyncDispose]();
        return files.join();
      });
    const both = Promise.all([change(a, 0), change(b, 0.5)]);
    await clock.advance(60_000);
    const [first, second] = await both;
    expect(first).toMatch(/^locks\/[0-9a-f]{64}$/);
    expect(second).toMatch(/^locks\/[0-9a-f]{64}$/);
  });
});
