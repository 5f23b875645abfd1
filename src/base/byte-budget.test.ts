import { describe, expect, it } from 'vitest';
import { ByteBudget } from './byte-budget.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('ByteBudget', () => {
  it('lets wait what does not fit, in order', async () => {
    const budget = new ByteBudget(10);
    const first = await budget.acquire(6);
    const order: string[] = [];
    const second = budget.acquire(6).then((held) => (order.push('second'), held));
    const third = budget.acquire(1).then((held) => (order.push('third'), held));
    await turn();
    expect(order).toEqual([]);
    first[Symbol.dispose]();
    await Promise.all([second, third]);
    expect(order).toEqual(['second', 'third']);
  });

  it('grants what is larger than all of it when nothing else is held', async () => {
    const budget = new ByteBudget(10);
    const held = await budget.acquire(100);
    held[Symbol.dispose]();
    await expect(budget.acquire(100)).resolves.toBeDefined();
  });
});
