import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { utf8 } from '../../base/bytes.ts';
import { openMemoryStorage } from '../drivers/memory.ts';
import type { Storage } from '../storage.ts';
import { faulty } from './faulty.ts';
import { jumpingClock } from '../../../test/support/jumping-clock.ts';
import { logged, type StorageLogEntry } from './log.ts';

async function setUp(): Promise<{ storage: Storage; entries: StorageLogEntry[] }> {
  const clock = jumpingClock();
  const inner = faulty(openMemoryStorage(), { how: 'delay', delayMs: 5 }, { clock });
  for (const name of ['index/a', 'index/b', 'index/c']) await inner.write(name, utf8('abc'));
  const entries: StorageLogEntry[] = [];
  return { storage: logged(inner, (entry) => entries.push(entry), { clock }), entries };
}

describe('logged', () => {
  it('tells bytes and time of a read and a write', async () => {
    const { storage, entries } = await setUp();
    await storage.write('config', [utf8('ab'), utf8('c')]);
    await storage.read('config', { offset: 1, length: 1 });
    expect(entries).toEqual([
      { operation: 'write', name: 'config', objects: 1, sentBytes: 3, receivedBytes: 0, durationMs: 5, outcome: 'ok' },
      { operation: 'read', name: 'config', objects: 1, sentBytes: 0, receivedBytes: 1, durationMs: 5, outcome: 'ok' },
    ]);
  });

  it('tells a stream once, with all its bytes', async () => {
    const { storage, entries } = await setUp();
    await storage.writeStream('archives/a', Readable.from([utf8('ab'), utf8('c')]));
    expect(entries).toMatchObject([{ operation: 'write', name: 'archives/a', sentBytes: 3, outcome: 'ok' }]);
  });

  it('tells the code of an error', async () => {
    const { storage, entries } = await setUp();
    await expect(storage.read('none')).rejects.toThrow();
    expect(entries).toMatchObject([{ operation: 'read', name: 'none', outcome: 'OBJECT_MISSING' }]);
  });

  it('tells a listing once, with the number of its objects', async () => {
    const { storage, entries } = await setUp();
    await Array.fromAsync(storage.list('index/'));
    expect(entries).toMatchObject([{ operation: 'list', name: 'index/', objects: 3, outcome: 'ok' }]);
  });

  it('tells a listing that its reader stopped', async () => {
    const { storage, entries } = await setUp();
    for await (const _ of storage.list('index/')) break;
    expect(entries).toMatchObject([{ operation: 'list', objects: 1, outcome: 'ok' }]);
  });

  it('tells what was aborted', async () => {
    const { storage, entries } = await setUp();
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(storage.stat('config', { signal })).rejects.toThrow('enough');
    expect(entries).toMatchObject([{ outcome: 'aborted' }]);
  });
});
