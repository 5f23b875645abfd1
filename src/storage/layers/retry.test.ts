import { describe, expect, it } from 'vitest';
import { utf8 } from '../../base/bytes.ts';
import { CairnError } from '../../base/errors.ts';
import { openMemoryStorage } from '../drivers/memory.ts';
import type { ObjectInfo, Storage } from '../storage.ts';
import { type Fault, faulty, type FaultyStorage } from './faulty.ts';
import { jumpingClock } from '../../../test/support/jumping-clock.ts';
import { retrying } from './retry.ts';
import { StorageLayer } from './storage-layer.ts';

function setUp(fault: Fault | readonly Fault[]): { storage: Storage; inner: FaultyStorage; sleeps: readonly number[] } {
  const clock = jumpingClock();
  const inner = faulty(openMemoryStorage(), fault);
  const storage = retrying(inner, { clock, random: () => 0.5 });
  return { storage, inner, sleeps: clock.sleeps };
}

function busy(retryAfterMs: number): CairnError {
  return new CairnError('STORAGE_UNREACHABLE', 'busy', { retry: 'later', facts: { retryAfterMs } });
}

/** Gives one of these listings after the other, with errors in them. */
function listings(lists: readonly (readonly string[])[]): Storage {
  let next = 0;
  return new (class extends StorageLayer {
    override async *list(): AsyncGenerator<ObjectInfo> {
      for (const name of lists[next++] ?? []) {
        if (name === 'fails') throw new CairnError('STORAGE_IO', 'reset', { retry: 'later' });
        if (name === 'fails for good') throw new CairnError('STORAGE_DENIED', 'denied');
        yield { name, sizeBytes: 1 };
      }
    }
  })(openMemoryStorage());
}

describe('retrying', () => {
  it('tries again with doubled pauses until it works', async () => {
    const { storage, sleeps } = setUp({ how: 'fail', times: 4 });
    await storage.write('config', utf8('c'));
    expect(sleeps).toEqual([1000, 2000, 4000, 8000]);
  });

  it('tries the requests of a stream again, and never asks the stream again', async () => {
    const { storage, inner, sleeps } = setUp({ how: 'fail', when: ({ number }) => [1, 3, 4, 6].includes(number) });
    let begun = 0;
    const stream = async function* (): AsyncGenerator<Uint8Array> {
      begun++;
      yield utf8('01');
      yield utf8('23');
    };
    expect(await storage.writeStream('archives/a', stream())).toEqual({ sizeBytes: 4 });
    expect(Buffer.from(await inner.read('archives/a')).toString()).toBe('0123');
    expect([begun, sleeps.length]).toEqual([1, 4]);
  });

  it('gives up after 15 minutes with the code of the last error and the number of tries', async () => {
    const { storage, inner, sleeps } = setUp({ how: 'fail' });
    const tries = sleeps.length;
    await expect(storage.read('config')).rejects.toMatchObject({ code: 'STORAGE_IO', message: /tried \d+ times/ });
    expect(inner.operations.length).toBe(sleeps.length + 1);
    expect(sleeps.slice(tries).reduce((sum, ms) => sum + ms, 0)).toBeLessThanOrEqual(15 * 60_000);
    expect(Math.max(...sleeps)).toBe(60_000);
  });

  it('lets errors pass that a pause does not help', async () => {
    const { storage, sleeps } = setUp([]);
    await expect(storage.read('config')).rejects.toMatchObject({ code: 'OBJECT_MISSING' });
    expect(sleeps).toEqual([]);
  });

  it('lets errors pass that it does not know', async () => {
    const { storage, sleeps } = setUp({ how: 'fail', error: new TypeError('bug') });
    await expect(storage.stat('config')).rejects.toThrow('bug');
    expect(sleeps).toEqual([]);
  });

  it('waits as long as the storage asks for, at least', async () => {
    const { storage, sleeps } = setUp([
      { how: 'fail', at: 1, error: busy(7000) },
      { how: 'fail', at: 2, error: busy(10) },
    ]);
    await storage.write('config', utf8('c'));
    expect(sleeps).toEqual([7000, 2000]);
  });

  it('counts no try that was not sent', async () => {
    const resting = new CairnError('STORAGE_UNREACHABLE', 'resting', {
      retry: 'later',
      facts: { asked: false, retryAfterMs: 300 },
    });
    const { storage, sleeps } = setUp([
      { how: 'fail', at: 1 },
      { how: 'fail', at: 2, error: resting },
      { how: 'fail', at: 3 },
    ]);
    await storage.write('config', utf8('c'));
    expect(sleeps).toEqual([1000, 300, 2000]);
  });

  it('varies the pauses', async () => {
    const clock = jumpingClock();
    const inner = faulty(openMemoryStorage(), { how: 'fail', times: 2 });
    const randoms = [0, 0.999];
    await retrying(inner, { clock, random: () => randoms.shift() ?? 0 }).create();
    expect(clock.sleeps).toEqual([500, 2998]);
  });

  it('takes its own write with a lost answer for done', async () => {
    const { storage } = setUp({ how: 'fail-after', at: 1 });
    await storage.write('config', [utf8('a'), utf8('b')], { ifAbsent: true });
    expect(Buffer.from(await storage.read('config')).toString()).toBe('ab');
  });

  it('does not take the object of somebody else for its own write', async () => {
    const { storage, inner } = setUp([]);
    await inner.write('config', utf8('theirs'));
    inner.inject({ how: 'fail', times: 1 });
    await expect(storage.write('config', utf8('mine!!'), { ifAbsent: true })).rejects.toMatchObject({
      code: 'OBJECT_EXISTS',
    });
  });

  it('lists everything once when a listing fails at its end', async () => {
    const { storage, inner } = setUp([]);
    for (const name of ['a', 'b', 'c']) await inner.write(name, utf8(name));
    inner.inject({ how: 'fail-after', times: 2 });
    expect(await Array.fromAsync(storage.list(''), ({ name }) => name)).toEqual(['a', 'b', 'c']);
  });

  it('lists everything once when a listing fails in the middle again and again, in whatever order it comes', async () => {
    const lists: readonly (readonly string[])[] = [
      ['a', 'b', 'fails'],
      ['fails'],
      ['c', 'a', 'fails'],
      ['b', 'd', 'c', 'a'],
    ];
    const storage = retrying(listings(lists), { clock: jumpingClock(), random: () => 0.5 });
    expect(await Array.fromAsync(storage.list(''), ({ name }) => name)).toEqual(['a', 'b', 'c', 'd']);
  });

  it('ends a listing that fails for good with its error, never early', async () => {
    const storage = retrying(listings([['a', 'fails for good']]), { clock: jumpingClock() });
    const found: string[] = [];
    const listing = (async () => {
      for await (const { name } of storage.list('')) found.push(name);
    })();
    await expect(listing).rejects.toMatchObject({ code: 'STORAGE_DENIED' });
    expect(found).toEqual(['a']);
  });

  it('stops with the reason of the signal', async () => {
    const reason = new CairnError('STORAGE_IO', 'the reason', { retry: 'later' });
    const controller = new AbortController();
    const inner = faulty(openMemoryStorage(), { how: 'fail' });
    const onRetry = (): void => controller.abort(reason);
    const storage = retrying(inner, { clock: jumpingClock(), onRetry });
    await expect(storage.stat('x', { signal: controller.signal })).rejects.toBe(reason);
  });

  it('tells what it waits for', async () => {
    const notices: string[] = [];
    const inner = faulty(openMemoryStorage(), { how: 'fail', times: 1 });
    await retrying(inner, {
      clock: jumpingClock(),
      random: () => 0.5,
      onRetry: ({ operation, attempts, delayMs }) => notices.push(`${operation} ${attempts} ${delayMs}`),
    }).write('config', utf8('c'));
    expect(notices).toEqual(['write config 1 1000']);
  });
});
