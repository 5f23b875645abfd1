import { describe, expect, it } from 'vitest';
import { utf8 } from '../../base/bytes.ts';
import { CairnError } from '../../base/errors.ts';
import { openMemoryStorage } from '../drivers/memory.ts';
import type { Storage } from '../storage.ts';
import { breaking, type CircuitNotice } from './circuit-breaker.ts';
import { type Fault, faulty, type FaultyStorage } from './faulty.ts';
import { jumpingClock, type JumpingClock } from '../../../test/support/jumping-clock.ts';
import { retrying } from './retry.ts';

interface Setup {
  readonly storage: Storage;
  readonly inner: FaultyStorage;
  readonly clock: JumpingClock;
  readonly notices: CircuitNotice[];
}

function setUp(fault: Fault | readonly Fault[]): Setup {
  const clock = jumpingClock();
  const inner = faulty(openMemoryStorage(), fault);
  const notices: CircuitNotice[] = [];
  const onChange = (notice: CircuitNotice): void => void notices.push(notice);
  const storage = breaking(inner, { failures: 3, firstRestMs: 1000, clock, random: () => 0.5, onChange });
  return { storage, inner, clock, notices };
}

async function fail(storage: Storage, times: number): Promise<void> {
  for (let time = 0; time < times; time++) await expect(storage.stat('x')).rejects.toThrow();
}

describe('breaking', () => {
  it('asks no more after so many failures in a row', async () => {
    const { storage, inner } = setUp({ how: 'fail' });
    await fail(storage, 10);
    expect(inner.operations).toHaveLength(3);
  });

  it('says since when it fails, how the last try failed, and when the next one is due', async () => {
    const { storage, clock } = setUp({
      how: 'fail',
      error: new CairnError('STORAGE_IO', 'no route', { retry: 'later' }),
    });
    await fail(storage, 3);
    clock.pass(400);
    await expect(storage.read('x')).rejects.toMatchObject({
      code: 'STORAGE_UNREACHABLE',
      message: /failed 3 times since 1970-01-01T00:00:00.000Z, at last with: no route/,
      retry: 'later',
      facts: { retryAfterMs: 600, asked: false },
    });
  });

  it('counts failures in a row only', async () => {
    const { storage, inner } = setUp({ how: 'fail', when: ({ number }) => number % 3 !== 0 });
    for (let round = 0; round < 4; round++) {
      await fail(storage, 2);
      await storage.stat('x');
    }
    expect(inner.operations).toHaveLength(12);
  });

  it('takes a refusal for an answer', async () => {
    const { storage, inner } = setUp({ how: 'fail', when: ({ kind }) => kind === 'stat' });
    for (let round = 0; round < 4; round++) {
      await fail(storage, 2);
      await expect(storage.read('none')).rejects.toMatchObject({ code: 'OBJECT_MISSING' });
    }
    expect(inner.operations).toHaveLength(12);
  });

  it('lets one probe through after the rest, and everything once that is answered', async () => {
    const { storage, inner, clock, notices } = setUp({ how: 'fail', times: 3 });
    await fail(storage, 3);
    clock.pass(1000);
    await Promise.all(Array.from({ length: 5 }, () => storage.stat('x')));
    expect(inner.operations).toHaveLength(8);
    expect(notices.map(({ type }) => type)).toEqual(['opened', 'closed']);
  });

  it('lets those who come during a probe wait for its outcome', async () => {
    const { storage, inner, clock } = setUp({ how: 'fail' });
    await fail(storage, 3);
    clock.pass(1000);
    const all = await Promise.allSettled(Array.from({ length: 5 }, () => storage.stat('x')));
    expect(all.every(({ status }) => status === 'rejected')).toBe(true);
    expect(inner.operations).toHaveLength(4);
  });

  it('rests twice as long after each probe that fails', async () => {
    const { storage, clock, notices } = setUp({ how: 'fail' });
    await fail(storage, 3);
    for (const restMs of [1000, 2000, 4000]) {
      clock.pass(restMs);
      await fail(storage, 1);
    }
    expect(notices.map((notice) => notice.type === 'opened' && notice.restMs)).toEqual([1000, 2000, 4000, 8000]);
  });

  it('rests at least as long as the storage asks for', async () => {
    const busy = new CairnError('STORAGE_UNREACHABLE', 'busy', { retry: 'later', facts: { retryAfterMs: 9000 } });
    const { storage, notices } = setUp({ how: 'fail', error: busy });
    await fail(storage, 3);
    expect(notices).toMatchObject([{ restMs: 9000 }]);
  });

  it('learns nothing from a probe that is aborted', async () => {
    const { storage, inner, clock } = setUp({ how: 'fail', times: 3 });
    await fail(storage, 3);
    clock.pass(1000);
    const reason = new Error('enough');
    const controller = new AbortController();
    inner.inject({ how: 'delay', delayMs: 1, times: 1 });
    const probe = storage.stat('x', { signal: controller.signal });
    controller.abort(reason);
    await expect(probe).rejects.toBe(reason);
    await expect(storage.stat('x')).resolves.toBeUndefined();
  });

  it('makes the retry layer wait instead of asking', async () => {
    const { storage, inner, clock } = setUp({ how: 'fail', times: 5 });
    const retried = retrying(storage, { clock, random: () => 0.5, firstDelayMs: 1 });
    await Promise.all(Array.from({ length: 20 }, (_, index) => retried.write(`x${index}`, utf8('x'))));
    // Twenty at once before anything is known, then one probe after the other, then those that still wait.
    expect(inner.operations.length).toBeLessThanOrEqual(5 + 20 + 20);
    expect(await Array.fromAsync(inner.list(''))).toHaveLength(20);
  });
});
