import { describe, expect, it } from 'vitest';
import { utf8 } from '../base/bytes.ts';
import type { SegmentTask, StatTask, WorkerTask } from './worker/messages.ts';
import { WorkerPool } from './worker-pool.ts';

const failure = new Error('the storage is full');
const flush: WorkerTask = { kind: 'flush' };
const segment: SegmentTask = {
  kind: 'segment',
  path: utf8('/nowhere'),
  start: 0,
  end: 1,
  skipBytes: 0,
  stops: new Float64Array(0),
};

/** Looks at the same folder over and over. */
const looks = (count: number): StatTask => ({
  kind: 'stat',
  runs: Array.from({ length: count / 250 }, () => ({
    directory: utf8('/'),
    names: utf8('.\0'.repeat(250)),
    groups: Uint8Array.of(250),
  })),
});

/** Each thread that there is answers. */
const threadsOf = async (pool: WorkerPool): Promise<number> => (await pool.runOnAll(looks(250))).length;

describe('WorkerPool', () => {
  it('begins one thread for work that one can do', async () => {
    await using pool = new WorkerPool(2);
    await pool.run(looks(250));
    expect(await threadsOf(pool)).toBe(1);
  });

  it('begins another one when work has waited for the first', async () => {
    await using pool = new WorkerPool(2);
    await Promise.all(Array.from({ length: 6 }, () => pool.run(looks(100_000))));
    expect(await threadsOf(pool)).toBe(2);
  });

  it('begins all of them at once where it is told to', async () => {
    await using pool = new WorkerPool(2);
    pool.start();
    expect(await threadsOf(pool)).toBe(2);
  });

  it('rejects what runs and what waits when it fails, with that error', async () => {
    await using pool = new WorkerPool(1);
    const runs = Array.from({ length: 5 }, () => pool.run(flush));
    pool.fail(failure);
    const results = await Promise.allSettled(runs);
    expect(results).toEqual(Array.from({ length: 5 }, () => ({ status: 'rejected', reason: failure })));
  });

  it('takes no work after it failed', async () => {
    await using pool = new WorkerPool(1);
    pool.fail(failure);
    await expect(pool.run(flush)).rejects.toBe(failure);
    await expect(pool.run(flush, { urgent: true })).rejects.toBe(failure);
    await expect(pool.runOnAll(flush)).rejects.toBe(failure);
    await expect(pool.ready()).rejects.toBe(failure);
  });

  it('keeps the first error', async () => {
    await using pool = new WorkerPool(1);
    pool.fail(failure);
    pool.fail(new Error('another'));
    await expect(pool.run(flush)).rejects.toBe(failure);
  });

  it('wakes who waits for room when it fails', async () => {
    await using pool = new WorkerPool(1);
    for (let i = 0; i < 10; i++) pool.run(segment).catch(() => {});
    const ready = pool.ready();
    pool.fail(failure);
    await expect(ready).rejects.toBe(failure);
  });

  it('is settled after it failed', async () => {
    await using pool = new WorkerPool(1);
    pool.run(flush).catch(() => {});
    pool.fail(failure);
    await pool.settled();
  });

  it('fails as a whole when a thread cannot do what it is asked', async () => {
    await using pool = new WorkerPool(2);
    await expect(pool.run(segment)).rejects.toThrow('before the setup');
    await expect(pool.run(flush)).rejects.toThrow('before the setup');
  });

  it('rejects what runs when it is closed, and may be closed twice', async () => {
    const pool = new WorkerPool(2);
    const run = pool.run(flush);
    run.catch(() => {});
    await pool[Symbol.asyncDispose]();
    await pool[Symbol.asyncDispose]();
    await expect(run).rejects.toMatchObject({ code: 'ABORTED' });
    await expect(pool.run(flush)).rejects.toMatchObject({ code: 'ABORTED' });
  });
});
