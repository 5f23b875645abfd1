import { describe, expect, it } from 'vitest';
import { PartMemory, streamPartBytes } from './part-memory.ts';

const MIB = 1024 * 1024;

/** Sizes of all parts that S3 takes, in MiB. */
const sizes = Array.from({ length: 10_000 }, (_, index) => streamPartBytes(index) / MIB);

describe('the parts of a stream', () => {
  it('hold an object of 5 TiB, and none is larger than S3 takes, 5 GiB', () => {
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeGreaterThanOrEqual(5 * 1024 * 1024);
    expect(Math.max(...sizes)).toBeLessThan(5 * 1024);
  });

  it('are small while the object is', () => {
    let total = 0;
    let index = 0;
    while (total + (sizes[index] ?? 0) <= 6 * 1024) total += sizes[index++] ?? 0;
    expect(sizes[index]).toBe(8);
  });

  it('never become smaller', () => {
    expect(sizes).toEqual(sizes.toSorted((a, b) => a - b));
  });
});

describe('the memory of parts', () => {
  const { signal } = new AbortController();

  it('is given up to 16 MiB, and then when some of it comes back', async () => {
    const memory = new PartMemory(signal);
    const taken = [];
    for (let part = 0; part < 4; part++) taken.push(await memory.take(4 * MIB));
    let isGiven = false;
    const waiting = memory.take(4 * MIB).then((bytes) => {
      isGiven = true;
      return bytes;
    });
    await new Promise(setImmediate);
    expect(isGiven).toBe(false);
    memory.release((taken[2] ?? expect.fail()).subarray(0, 5));
    expect((await waiting).buffer).toBe(taken[2]?.buffer);
  });

  it('is enough for two parts of any size', async () => {
    const memory = new PartMemory(signal);
    await memory.take(65 * MIB);
    expect((await memory.take(65 * MIB)).length).toBe(65 * MIB);
  });

  it('is used again where parts have grown a little', async () => {
    const memory = new PartMemory(signal);
    const smaller = await memory.take(9 * MIB);
    memory.release(smaller);
    const larger = await memory.take(11 * MIB);
    expect([larger.length, larger.buffer]).toEqual([11 * MIB, smaller.buffer]);
  });

  it('is waited for no longer than the signal says', async () => {
    const stop = new AbortController();
    const memory = new PartMemory(stop.signal);
    await memory.take(40 * MIB);
    await memory.take(40 * MIB);
    const waiting = memory.take(40 * MIB);
    stop.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
  });
});
