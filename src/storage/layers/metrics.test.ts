import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { openMemoryStorage } from '../drivers/memory.ts';
import { faulty } from './faulty.ts';
import { metered } from './metrics.ts';

describe('metered', () => {
  it('counts calls and bytes by operation', async () => {
    const storage = metered(openMemoryStorage());
    await storage.write('a', [new Uint8Array(3), new Uint8Array(4)]);
    await storage.write('b', new Uint8Array(5));
    await storage.read('a', { offset: 1, length: 2 });
    await storage.stat('none');
    await storage.removeMany(['a', 'b']);
    expect(storage.counts()).toMatchObject({
      write: { calls: 2, failures: 0, bytes: 12, objects: 2 },
      read: { calls: 1, bytes: 2 },
      stat: { calls: 1, failures: 0 },
      removeMany: { calls: 1, objects: 2 },
      remove: { calls: 0 },
    });
  });

  it('counts streams and their bytes', async () => {
    const storage = metered(openMemoryStorage());
    await storage.writeStream('a', Readable.from([new Uint8Array(3), new Uint8Array(4)]));
    expect(storage.counts().writeStream).toEqual({ calls: 1, failures: 0, bytes: 7, objects: 1 });
  });

  it('counts what failed, without its bytes', async () => {
    const storage = metered(faulty(openMemoryStorage(), { how: 'fail' }));
    await expect(storage.write('a', new Uint8Array(3))).rejects.toThrow('injected');
    await expect(Array.fromAsync(storage.list(''))).rejects.toThrow('injected');
    expect(storage.counts()).toMatchObject({
      write: { calls: 1, failures: 1, bytes: 0, objects: 0 },
      list: { calls: 1, failures: 1 },
    });
  });

  it('counts a listing that the reader leaves', async () => {
    const storage = metered(openMemoryStorage());
    await storage.write('a', new Uint8Array(1));
    await storage.write('b', new Uint8Array(1));
    for await (const _ of storage.list('')) break;
    expect(storage.counts().list).toEqual({ calls: 1, failures: 0, bytes: 0, objects: 1 });
  });
});
