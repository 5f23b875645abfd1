import { describe, expect, it } from 'vitest';
import { allocateRing, BlockRing } from './block-ring.ts';

const SLOTS = 3;

describe('a ring of blocks', () => {
  it('gives each block to one taker only, in their order', () => {
    const memory = allocateRing(SLOTS);
    const [main, worker] = [new BlockRing(memory), new BlockRing(memory)];
    main.submit(0, 10);
    main.submit(1, 20);
    expect(worker.claim()).toMatchObject({ number: 0, size: 10 });
    expect(main.claim()).toMatchObject({ number: 1, size: 20 });
    expect(worker.claim()).toBeUndefined();
  });

  it('has nothing of a block whose slot another one had', () => {
    const ring = new BlockRing(allocateRing(SLOTS));
    for (let number = 0; number < SLOTS; number++) ring.submit(number, 1);
    for (let block = ring.claim(); block !== undefined; block = ring.claim()) ring.finish(block, 7);
    expect(ring.packed(0)).toHaveLength(7);
    ring.submit(SLOTS, 1);
    expect(ring.packed(SLOTS)).toBeUndefined();
  });

  it('wakes who waits for a block when it is there, and when nobody will finish it', async () => {
    const ring = new BlockRing(allocateRing(SLOTS));
    ring.submit(0, 1);
    const block = ring.claim();
    const woken = ring.changed(0);
    ring.wake();
    await woken;
    expect(ring.packed(0)).toBeUndefined();
    const finished = ring.changed(0);
    if (block !== undefined) ring.finish(block, 5);
    await finished;
    expect(ring.packed(0)).toHaveLength(5);
  });
});
