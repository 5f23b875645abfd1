import { describe, expect, it } from 'vitest';
import { jumpingClock, type JumpingClock } from '../../../test/support/jumping-clock.ts';
import { utf8 } from '../../base/bytes.ts';
import { openMemoryStorage } from '../drivers/memory.ts';
import { simulatedCold, type SimulatedColdStorage } from '../layers/simulated-cold.ts';
import type { ColdStorage, Storage } from '../storage.ts';
import { ensureHot, type EnsureHotOptions, type HotResult } from './ensure-hot.ts';
import type { RetrievalPlan } from './retrieval-plan.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

interface Setup {
  readonly storage: SimulatedColdStorage;
  readonly clock: JumpingClock;
  readonly names: readonly string[];
  readonly ensure: (options?: EnsureHotOptions) => Promise<HotResult>;
}

async function setUp(coldClass = 'GLACIER'): Promise<Setup> {
  const clock = jumpingClock();
  clock.pass(HOUR_MS);
  const storage = simulatedCold(openMemoryStorage(), { clock });
  const names = ['data/aa/1', 'data/bb/2', 'data/cc/3'];
  for (const name of names) await storage.write(name, utf8('0123456789'), { cold: true, coldClass });
  await storage.write('data/dd/hot', utf8('hot'));
  const notes = openMemoryStorage();
  return {
    storage,
    clock,
    names,
    ensure: (options = {}) => ensureHot(storage, [...names, 'data/dd/hot'], { clock, notes, ...options }),
  };
}

describe('ensureHot', () => {
  it('has nothing to do in a storage without classes', async () => {
    const result = await ensureHot(openMemoryStorage(), ['data/aa/1']);
    expect(result).toEqual({ kind: 'hot', plan: undefined });
  });

  it('asks for the state only of what a listing does not prove to be readable', async () => {
    const { storage, names } = await setUp();
    const asked: string[] = [];
    const listed: Storage = Object.create(storage, {
      cold: {
        value: {
          ...storage.cold,
          state: (name: string) => (asked.push(name), storage.cold.state(name)),
          readable: async () => new Map([['data/dd/hot', { name: 'data/dd/hot', sizeBytes: 3 }]]),
        } satisfies ColdStorage,
      },
    });
    const { plan } = await ensureHot(listed, [...names, 'data/dd/hot'], { dryRun: true });
    expect(asked).toEqual(names);
    expect(plan).toMatchObject({ objects: 4, bytes: 33, coldBytes: 30 });
  });

  it('asks for what is cold and comes back', async () => {
    const { storage, names, ensure } = await setUp();
    const result = await ensure({ tier: 'bulk', days: 3 });
    expect(result.kind).toBe('pending');
    expect(storage.retrievals).toEqual(names.map((name) => ({ name, tier: 'bulk', days: 3 })));
  });

  it('asks for nothing a second time and keeps the time of the first', async () => {
    const { storage, clock, ensure } = await setUp();
    const first = await ensure({ tier: 'bulk' });
    clock.pass(2 * HOUR_MS);
    const second = await ensure();
    expect(second.kind).toBe('pending');
    expect(storage.retrievals).toHaveLength(3);
    expect(second.plan?.expectedBy).toEqual(first.plan?.expectedBy);
  });

  it('finds them readable once they are there', async () => {
    const { storage, clock, names, ensure } = await setUp();
    await ensure();
    clock.pass(5 * HOUR_MS);
    expect((await ensure()).kind).toBe('hot');
    for (const name of names) await storage.read(name);
  });

  it('says before it asks what is needed, until when, and what it costs by the prices given', async () => {
    const { clock, names, ensure } = await setUp();
    const plans: RetrievalPlan[] = [];
    await ensure({ confirm: async (plan) => void plans.push(plan), prices: { perGb: 1e6, per1000Requests: 50 } });
    expect(plans).toMatchObject([{ objects: 4, bytes: 33, coldBytes: 30, tier: 'standard', days: 7 }]);
    expect(plans[0]?.cold.map(({ name }) => name)).toEqual(names);
    expect(plans[0]?.price).toBeCloseTo(0.03 + 0.15);
    expect(plans[0]?.expectedBy?.getTime()).toBe(clock.nowMs + 5 * HOUR_MS);
  });

  it('invents no price', async () => {
    const { ensure } = await setUp();
    expect((await ensure({ dryRun: true })).plan?.price).toBeUndefined();
  });

  it('asks for nothing when that is refused', async () => {
    const { storage, ensure } = await setUp();
    await expect(ensure({ confirm: () => Promise.reject(new Error('no')) })).rejects.toThrow('no');
    expect(storage.retrievals).toEqual([]);
  });

  it('needs no second yes for what was asked for already', async () => {
    const { ensure } = await setUp();
    await ensure();
    expect((await ensure({ confirm: () => Promise.reject(new Error('asked again')) })).kind).toBe('pending');
  });

  it('asks for nothing in a dry run', async () => {
    const { storage, ensure } = await setUp();
    expect((await ensure({ dryRun: true })).kind).toBe('pending');
    expect(storage.retrievals).toEqual([]);
  });

  it('waits until all are there when it shall', async () => {
    const { storage, clock, names, ensure } = await setUp();
    const started = clock.nowMs;
    expect((await ensure({ wait: true })).kind).toBe('hot');
    expect(clock.nowMs - started).toBeGreaterThanOrEqual(5 * HOUR_MS);
    expect(clock.nowMs - started).toBeLessThan(5.2 * HOUR_MS);
    for (const name of names) await storage.read(name);
  });

  it('tells how far the waiting is', async () => {
    const { ensure } = await setUp();
    const told: string[] = [];
    await ensure({
      wait: true,
      onProgress: ({ phase, objects, totalObjects, bytes }) =>
        told.push(`${phase} ${objects}/${totalObjects} ${bytes}`),
    });
    expect(told.filter((text) => text.startsWith('wait'))).toEqual([
      'wait 0/3 0',
      'wait 1/3 10',
      'wait 2/3 20',
      'wait 3/3 30',
    ]);
  });

  it('asks again for a copy that is about to go away, without a question', async () => {
    const { storage, clock, ensure } = await setUp();
    await ensure({ days: 2 });
    clock.pass(2 * DAY_MS + 20 * HOUR_MS);
    const result = await ensure({ days: 2, confirm: () => Promise.reject(new Error('asked')) });
    expect(result.kind).toBe('hot');
    expect(storage.retrievals).toHaveLength(6);
    clock.pass(DAY_MS);
    await storage.read('data/aa/1');
  });

  it('asks again for a copy that went away', async () => {
    const { storage, clock, ensure } = await setUp();
    await ensure({ days: 1 });
    clock.pass(5 * DAY_MS);
    expect((await ensure()).kind).toBe('pending');
    expect(storage.retrievals).toHaveLength(6);
  });

  it('gives up on an object that never comes', async () => {
    const { storage, ensure } = await setUp();
    const never = new Proxy(storage, {
      get: (target, key) =>
        key === 'cold' ? { ...target.cold, retrieve: async () => {} } : (Reflect.get(target, key) as unknown),
    });
    const waiting = ensureHot(never, ['data/aa/1'], { clock: jumpingClock(), wait: true });
    await expect(waiting).rejects.toMatchObject({ code: 'STORAGE_IO', message: /asked for 3 times/ });
    expect((await ensure({ dryRun: true })).kind).toBe('pending');
  });

  it('refuses a tier that the class does not have before it asks for anything', async () => {
    const { storage, ensure } = await setUp('DEEP_ARCHIVE');
    await expect(ensure({ tier: 'expedited' })).rejects.toMatchObject({ code: 'ARGUMENT_INVALID' });
    expect(storage.retrievals).toEqual([]);
  });

  it('leaves what is not there to whoever reads it', async () => {
    const { storage } = await setUp();
    expect((await ensureHot(storage, ['data/ee/none'])).kind).toBe('hot');
  });

  it('stops waiting when asked', async () => {
    const { clock, ensure } = await setUp();
    const controller = new AbortController();
    const sleep = async (): Promise<void> => controller.abort(new Error('enough'));
    const waiting = ensure({ wait: true, clock: { ...clock, sleep }, signal: controller.signal });
    await expect(waiting).rejects.toThrow('enough');
  });
});
