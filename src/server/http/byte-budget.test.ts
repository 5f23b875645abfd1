import { describe, expect, it } from 'vitest';
import { ByteBudget } from './byte-budget.ts';

const never = new AbortController().signal;

/** Whether a promise has settled once everything that could run has run. */
async function settled(promise: Promise<unknown>): Promise<boolean> {
  let done = false;
  promise.then(
    () => (done = true),
    () => (done = true),
  );
  await new Promise(setImmediate);
  return done;
}

describe('a budget', () => {
  it('lets wait who wants more than is free', async () => {
    const budget = new ByteBudget(10);
    const held = await budget.take(8, never);
    const next = budget.take(3, never);
    expect(await settled(next)).toBe(false);
    held[Symbol.dispose]();
    expect(await settled(next)).toBe(true);
  });

  it('serves in the order of asking, also when a later one would fit', async () => {
    const budget = new ByteBudget(10);
    const held = await budget.take(8, never);
    const large = budget.take(10, never);
    const small = budget.take(1, never);
    expect(await settled(small)).toBe(false);
    held[Symbol.dispose]();
    (await large)[Symbol.dispose]();
    expect(await settled(small)).toBe(true);
  });

  it('does not let others wait for one that gave up', async () => {
    const budget = new ByteBudget(10);
    await budget.take(8, never);
    const controller = new AbortController();
    const large = budget.take(10, controller.signal);
    const small = budget.take(1, never);
    controller.abort(new Error('enough'));
    await expect(large).rejects.toThrow('enough');
    expect(await settled(small)).toBe(true);
  });

  it('is given back once, however often it is disposed', async () => {
    const budget = new ByteBudget(10);
    const first = await budget.take(10, never);
    first[Symbol.dispose]();
    first[Symbol.dispose]();
    await budget.take(10, never);
    expect(await settled(budget.take(1, never))).toBe(false);
  });
});
