import { describe, expect, it } from 'vitest';
import { held, MINUTE, self, setUp } from '../../../test/support/lock-fixture.ts';
import { withOrigin } from '../../../test/support/repository-fixture.ts';
import { StorageLayer } from '../../storage/layers/storage-layer.ts';
import type { Storage, WrittenAt } from '../../storage/storage.ts';
import { objectName } from '../layout.ts';
import { lockRepository } from './repository-lock.ts';

class TimedStorage extends StorageLayer {
  readonly #writtenAt: WrittenAt;

  constructor(inner: Storage, writtenAt: WrittenAt) {
    super(inner);
    this.#writtenAt = writtenAt;
  }

  override get writtenAt(): WrittenAt {
    return this.#writtenAt;
  }
}

/** Takes a lock beside one whose time is 40 minutes ago, and which the storage got this many minutes before ours. */
async function withTimes(minutes: number | undefined) {
  const made = await setUp();
  const theirs = await made.foreign({ exclusive: true }, 40 * MINUTE);
  const origin = new TimedStorage(made.storage, async (name) =>
    minutes === undefined ? undefined : name === objectName('lock', theirs) ? 0 : minutes * MINUTE,
  );
  const promise = lockRepository(withOrigin(made.repository, origin), { mode: 'shared', clock: made.clock, self });
  promise.catch(() => {});
  await made.clock.advance(300);
  return { ...made, promise, theirs };
}

describe('a lock whose time is half an hour ago', () => {
  it.each([0, 4, 30])('is in use where the storage got it %i minutes ago: the clocks differ', async (minutes) => {
    const { promise, lockFiles, theirs } = await withTimes(minutes);
    await expect(promise).rejects.toMatchObject({
      code: 'VAULT_LOCKED',
      hint: expect.stringContaining(`the storage got this lock ${minutes} minutes ago`) as string,
    });
    expect(await lockFiles()).toEqual([objectName('lock', theirs)]);
  });

  it.each([31, undefined])('is stale where the storage got it %s minutes ago, or does not say', async (minutes) => {
    const { promise, lockFiles } = await withTimes(minutes);
    held.push(await promise);
    expect(await lockFiles()).toEqual([objectName('lock', (await promise).id)]);
  });
});
