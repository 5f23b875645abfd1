import { describe, expect, it } from 'vitest';
import type { Clock } from '../../base/clock.ts';
import { openMemoryStorage } from '../drivers/memory.ts';
import { limited } from './limit.ts';
import { StorageLayer } from './storage-layer.ts';

/** Counts how many writes run at once. */
class Counting extends StorageLayer {
  running = 0;
  most = 0;

  override async write(): Promise<void> {
    this.running++;
    this.most = Math.max(this.most, this.running);
    await new Promise(setImmediate);
    this.running--;
  }
}

function jumpingClock(): Clock & { elapsedMs: number } {
  const clock = {
    elapsedMs: 0,
    nowNs: () => BigInt(Math.round(clock.elapsedMs * 1e6)),
    sleep: async (delayMs: number) => {
      clock.elapsedMs += delayMs;
    },
  };
  return clock;
}

describe('limited', () => {
  it('runs no more operations at once than allowed', async () => {
    const inner = new Counting(openMemoryStorage());
    const storage = limited(inner, { connections: 3 });
    await Promise.all(Array.from({ length: 20 }, (_, index) => storage.write(`x${index}`, new Uint8Array(1))));
    expect(inner.most).toBe(3);
  });

  it('gives the place back when an operation fails', async () => {
    const storage = limited(openMemoryStorage(), { connections: 1 });
    for (let round = 0; round < 3; round++) await expect(storage.read('none')).rejects.toThrow('none');
  });

  it('lets one read what one lists with a single place', async () => {
    const storage = limited(openMemoryStorage(), { connections: 1 });
    await storage.write('a', new Uint8Array(3));
    for await (const { name } of storage.list('')) expect(await storage.read(name)).toHaveLength(3);
  });

  it('keeps uploads to the bytes per second on average', async () => {
    const clock = jumpingClock();
    const storage = limited(openMemoryStorage(), { uploadBytesPerSecond: 1000, clock });
    for (let round = 0; round < 5; round++) await storage.write('x', [new Uint8Array(300), new Uint8Array(200)]);
    expect(clock.elapsedMs).toBe(2000);
  });

  it('keeps downloads to the bytes per second on average, whole objects and ranges', async () => {
    const clock = jumpingClock();
    const storage = limited(openMemoryStorage(), { downloadBytesPerSecond: 1000, clock });
    await storage.write('x', new Uint8Array(500));
    for (let round = 0; round < 3; round++) await storage.read('x');
    expect(clock.elapsedMs).toBe(1000);
    await storage.read('x', { offset: 0, length: 100 });
    await storage.read('x', { offset: 0, length: 100 });
    expect(clock.elapsedMs).toBe(1600);
  });

  it('does not save up bytes while nothing happens', async () => {
    const clock = jumpingClock();
    const storage = limited(openMemoryStorage(), { uploadBytesPerSecond: 1000, clock });
    clock.elapsedMs = 60_000;
    for (let round = 0; round < 3; round++) await storage.write('x', new Uint8Array(1000));
    expect(clock.elapsedMs).toBe(62_000);
  });
});
