import { describe, expect, it } from 'vitest';
import { jumpingClock } from '../../../test/support/jumping-clock.ts';
import { mirrorPair, namesIn } from '../../../test/support/mirror-pair.ts';
import { ManualClock } from '../../../test/support/repository-fixture.ts';
import { utf8 } from '../../base/bytes.ts';
import { CairnError } from '../../base/errors.ts';
import { orAbort } from '../../base/or-abort.ts';
import { openMemoryStorage } from '../drivers/memory.ts';
import { faulty, type FaultyStorage } from '../layers/faulty.ts';
import { retrying } from '../layers/retry.ts';
import { StorageLayer } from '../layers/storage-layer.ts';
import type { Storage, StorageOptions } from '../storage.ts';
import { mirrored } from './mirror-storage.ts';

const unreachable = new CairnError('STORAGE_UNREACHABLE', 'no route', { retry: 'later' });
const isPassing = (name: string): boolean => name.startsWith('locks/');

function removals({ operations }: FaultyStorage): number {
  return operations.filter(({ kind }) => kind === 'remove').length;
}

/** A storage that takes requests and does not answer them. */
class Silent extends StorageLayer {
  override write(_: string, __: unknown, { signal }: StorageOptions = {}): Promise<void> {
    return orAbort(new Promise<never>(() => {}), signal);
  }

  override remove(_: string, { signal }: StorageOptions = {}): Promise<void> {
    return orAbort(new Promise<never>(() => {}), signal);
  }
}

/** A mirror as a vault has it, with the retries around each member and around it, whose first member goes away after a lock was written. */
async function firstGone(clock = jumpingClock()): Promise<{ storage: Storage; first: FaultyStorage; other: Storage }> {
  const first = faulty(openMemoryStorage('first'));
  const other = openMemoryStorage('other');
  const patient = retrying(first, { giveUpAfterMs: 30_000, clock, random: () => 0.5 });
  const mirror = mirrored([patient, other], { once: [first, other], markers: [], isPassing, clock: new ManualClock() });
  const storage = retrying(mirror, { clock, random: () => 0.5 });
  await storage.write('data/aa/1', utf8('1'));
  await storage.write('locks/l', utf8('l'));
  first.inject({ how: 'fail', error: unreachable });
  return { storage, first, other };
}

describe('a lock in a first storage that was given up during the run', () => {
  it('is tried to be removed once more', async () => {
    const { storage, first } = await firstGone();
    await storage.read('data/aa/1', { copy: 1 });
    await expect(storage.remove('locks/l')).rejects.toMatchObject({
      code: 'STORAGE_UNREACHABLE',
      message: expect.stringContaining('given up before: no route'),
    });
    expect(removals(first)).toBe(1);
  });

  it('goes from the others', async () => {
    const { storage, other } = await firstGone();
    await storage.read('data/aa/1', { copy: 1 });
    await storage.remove('locks/l').catch(() => {});
    expect(await namesIn(other)).toEqual(['data/aa/1']);
  });

  it('goes from it too, where it is back', async () => {
    const { storage, first } = await firstGone();
    await storage.read('data/aa/1', { copy: 1 });
    first.heal();
    await storage.remove('locks/l');
    expect(await namesIn(first)).toEqual(['data/aa/1']);
  });

  it('is tried as long as ever where it was heard of since', async () => {
    const { storage, first } = await firstGone();
    await storage.read('data/aa/1', { copy: 1 });
    first.heal();
    await storage.stat('data/aa/1');
    first.inject({ how: 'fail', times: 3, error: unreachable });
    await storage.remove('locks/l');
    expect(removals(first)).toBe(4);
  });

  it('is tried as long as ever where somebody else left it in the way', async () => {
    const { storage, first } = await firstGone();
    await storage.read('data/aa/1', { copy: 1 });
    first.heal();
    first.inject({ how: 'fail', times: 3, error: unreachable });
    await storage.remove('locks/of-another');
    expect(removals(first)).toBe(4);
  });

  it('is left there after five seconds without an answer', async () => {
    const clock = new ManualClock();
    const first = faulty(openMemoryStorage('first'));
    const other = openMemoryStorage('other');
    const mirror = mirrored([first, other], { once: [new Silent(first), other], markers: [], isPassing, clock });
    await mirror.write('data/aa/1', utf8('1'));
    await mirror.write('locks/l', utf8('l'));
    first.inject({ how: 'fail', error: unreachable });
    await mirror.read('data/aa/1', { copy: 1 });
    let error: unknown;
    const removing = mirror.remove('locks/l').catch((thrown: unknown) => (error = thrown));
    await clock.advance(4_999);
    expect(error).toBeUndefined();
    await clock.advance(1);
    await removing;
    expect(error).toMatchObject({ code: 'STORAGE_UNREACHABLE', retry: 'never' });
  });
});

describe('a lock in another storage', () => {
  it('is not waited for longer than half a minute where nothing answers', async () => {
    const clock = new ManualClock();
    const [first, other] = [openMemoryStorage('first'), openMemoryStorage('other')];
    const mirror = mirrored([first, other], { once: [first, new Silent(other)], markers: [], isPassing, clock });
    let isWritten = false;
    const writing = mirror.write('locks/l', utf8('l')).then(() => (isWritten = true));
    await clock.advance(29_999);
    expect(isWritten).toBe(false);
    await clock.advance(1);
    await writing;
    expect(mirror.others).toMatchObject([{ isDown: true }]);
  });

  it('is told of, once, where it cannot be removed', async () => {
    const { mirror, other, changes } = mirrorPair();
    await mirror.write('locks/l', utf8('l'));
    other.inject({ how: 'fail', when: ({ kind }) => kind === 'remove', error: unreachable });
    await mirror.remove('locks/l');
    await mirror[Symbol.asyncDispose]();
    expect(changes).toEqual([{ type: 'left-in', url: 'memory:other', name: 'locks/l', error: unreachable }]);
  });

  it('is removed at the end, though it could not be written anew meanwhile', async () => {
    const { mirror, other } = mirrorPair();
    await mirror.write('locks/a', utf8('l'));
    other.inject({ how: 'fail', times: 1, when: ({ kind }) => kind === 'write', error: unreachable });
    await mirror.write('locks/b', utf8('l'));
    await mirror.remove('locks/a');
    expect(await namesIn(other)).toEqual([]);
  });

  it('is written anew there once it may answer again', async () => {
    const { mirror, other, pass } = mirrorPair();
    other.inject({ how: 'fail', times: 1, when: ({ kind }) => kind === 'write', error: unreachable });
    await mirror.write('locks/a', utf8('l'));
    pass(5 * 60_000);
    await mirror.write('locks/b', utf8('l'));
    expect(await namesIn(other)).toEqual(['locks/b']);
  });

  it('is told of at the end where its removal was stopped', async () => {
    const { mirror, other, changes } = mirrorPair();
    await mirror.write('locks/l', utf8('l'));
    const stop = new AbortController();
    other.remove = async (_, options) => {
      await new Promise((resolve) => setImmediate(resolve));
      stop.abort(new Error('stopped'));
      options?.signal?.throwIfAborted();
    };
    await mirror.remove('locks/l', { signal: stop.signal });
    expect(changes).toEqual([]);
    await mirror[Symbol.asyncDispose]();
    expect(changes).toMatchObject([{ type: 'left-in', url: 'memory:other', name: 'locks/l', error: undefined }]);
  });
});
