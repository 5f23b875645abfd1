import { describe, expect, it } from 'vitest';
import { openMemoryStorage } from '../drivers/memory.ts';
import type { ReadOptions, StorageFeatures, WriteOptions } from '../storage.ts';
import { jumpingClock } from '../../../test/support/jumping-clock.ts';
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

/** Moves objects in pieces of 100 bytes. */
class Paced extends StorageLayer {
  override get features(): StorageFeatures {
    return { ...super.features, paced: true };
  }

  override async read(name: string, { pace, ...options }: ReadOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = await this.inner.read(name, options);
    for (let at = 0; at < bytes.length; at += 100) await pace?.(Math.min(100, bytes.length - at));
    return bytes;
  }

  override async write(name: string, data: Uint8Array, { pace, ...options }: WriteOptions = {}): Promise<void> {
    for (let at = 0; at < data.length; at += 100) await pace?.(Math.min(100, data.length - at));
    await this.inner.write(name, data, options);
  }
}

describe('limited', () => {
  it('slows a stream down, and holds no place while it waits for it', async () => {
    const clock = jumpingClock();
    const storage = limited(openMemoryStorage(), { connections: 1, uploadBytesPerSecond: 1000, clock });
    const stream = async function* (): AsyncGenerator<Uint8Array> {
      for (let index = 0; index < 4; index++) {
        await storage.stat('config');
        yield new Uint8Array(1000);
      }
    };
    await storage.writeStream('archives/a', stream());
    expect(clock.sleeps.reduce((sum, ms) => sum + ms, 0)).toBe(3000);
  });

  it('runs no more operations at once than allowed', async () => {
    const inner = new Counting(openMemoryStorage());
    const storage = limited(inner, { connections: 3 });
    await Promise.all(Array.from({ length: 20 }, (_, index) => storage.write(`x${index}`, new Uint8Array(1))));
    expect(inner.most).toBe(3);
  });

  it('tells how many operations may run, and never more than the storage itself', () => {
    expect(limited(openMemoryStorage(), { connections: 3 }).features.connections).toBe(3);
    expect(limited(openMemoryStorage(), { connections: 100 }).features.connections).toBe(8);
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
    expect(clock.nowMs).toBe(2000);
  });

  it('keeps downloads to the bytes per second on average, whole objects and ranges', async () => {
    const clock = jumpingClock();
    const storage = limited(openMemoryStorage(), { downloadBytesPerSecond: 1000, clock });
    await storage.write('x', new Uint8Array(500));
    for (let round = 0; round < 3; round++) await storage.read('x');
    expect(clock.nowMs).toBe(1000);
    await storage.read('x', { offset: 0, length: 100 });
    await storage.read('x', { offset: 0, length: 100 });
    expect(clock.nowMs).toBe(1600);
  });

  it('does not save up bytes while nothing happens', async () => {
    const clock = jumpingClock();
    const storage = limited(openMemoryStorage(), { uploadBytesPerSecond: 1000, clock });
    clock.pass(60_000);
    for (let round = 0; round < 3; round++) await storage.write('x', new Uint8Array(1000));
    expect(clock.nowMs).toBe(62_000);
  });

  it('moves the pieces of one big object at that rate', async () => {
    const clock = jumpingClock();
    const storage = limited(new Paced(openMemoryStorage()), {
      uploadBytesPerSecond: 100,
      downloadBytesPerSecond: 200,
      clock,
    });
    await storage.write('x', new Uint8Array(1000));
    expect(clock.sleeps).toEqual(Array.from({ length: 9 }, () => 1000));
    await storage.read('x', { offset: 500 });
    expect(clock.sleeps.slice(9)).toEqual(Array.from({ length: 4 }, () => 500));
  });

  it('stops in the middle of an object when asked', async () => {
    const clock = jumpingClock();
    const controller = new AbortController();
    const sleep = async (): Promise<void> => controller.abort(new Error('enough'));
    const storage = limited(new Paced(openMemoryStorage()), { uploadBytesPerSecond: 100, clock: { ...clock, sleep } });
    const { signal } = controller;
    await expect(storage.write('x', new Uint8Array(1000), { signal })).rejects.toThrow('enough');
  });
});
