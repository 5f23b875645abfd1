import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { utf8 } from '../../base/bytes.ts';
import { openMemoryStorage } from '../drivers/memory.ts';
import { faulty, type FaultyStorage } from './faulty.ts';

async function filled(): Promise<FaultyStorage> {
  const storage = faulty(openMemoryStorage());
  await storage.write('a', utf8('01234567'));
  await storage.write('b', utf8('b'));
  return storage;
}

const text = async (storage: FaultyStorage, name: string): Promise<string> =>
  Buffer.from(await storage.read(name)).toString();

async function* stream(): AsyncGenerator<Uint8Array> {
  yield utf8('01');
  yield utf8('23');
}

describe('faulty', () => {
  it('counts operations in order', async () => {
    const storage = await filled();
    await storage.stat('a');
    await Array.fromAsync(storage.list('x/'));
    expect(storage.operations.slice(2)).toEqual([
      { number: 3, kind: 'stat', name: 'a' },
      { number: 4, kind: 'list', name: 'x/' },
    ]);
  });

  it('fails at one operation number', async () => {
    const storage = await filled();
    storage.inject({ how: 'fail', at: 4 });
    await storage.read('a');
    await expect(storage.read('a')).rejects.toMatchObject({ code: 'STORAGE_IO', retry: 'later' });
    await storage.read('a');
  });

  it('dies from one operation number on, until healed', async () => {
    const storage = await filled();
    storage.inject({ how: 'fail', from: 3, error: new Error('dead') });
    await expect(storage.write('c', utf8('c'))).rejects.toThrow('dead');
    await expect(storage.stat('a')).rejects.toThrow('dead');
    storage.heal();
    expect(await storage.stat('c')).toBeUndefined();
  });

  it('fails as often as told and only where told', async () => {
    const storage = await filled();
    storage.inject({ how: 'fail', times: 1, when: ({ kind, name }) => kind === 'read' && name === 'a' });
    await storage.read('b');
    await expect(storage.read('a')).rejects.toThrow('injected');
    await storage.read('a');
  });

  it('does the work and loses the answer', async () => {
    const storage = await filled();
    storage.inject({ how: 'fail-after', times: 1 });
    await expect(storage.remove('a')).rejects.toThrow('injected');
    expect(await storage.stat('a')).toBeUndefined();
  });

  it('tears a write', async () => {
    const storage = await filled();
    storage.inject({ how: 'torn-write', keepBytes: 3, times: 1 });
    await expect(storage.write('c', [utf8('01'), utf8('2345')])).rejects.toThrow('injected');
    expect(await text(storage, 'c')).toBe('012');
  });

  it('counts a stream and its chunks, and ends it at any of them', async () => {
    for (const at of [1, 2, 3]) {
      const storage = faulty(openMemoryStorage(), { how: 'fail', at });
      await expect(storage.writeStream('c', stream())).rejects.toThrow('injected');
      expect(await storage.stat('c')).toBeUndefined();
    }
    const storage = faulty(openMemoryStorage(), { how: 'fail-after', at: 1 });
    await expect(storage.writeStream('c', stream())).rejects.toThrow('injected');
    expect(await text(storage, 'c')).toBe('0123');
    expect(storage.operations.slice(0, 3).map(({ kind }) => kind)).toEqual(['write', 'chunk', 'chunk']);
  });

  it('tears and loses streams', async () => {
    const storage = faulty(openMemoryStorage(), { how: 'torn-write', keepBytes: 3, times: 1 });
    storage.inject({ how: 'lost-write', when: ({ name }) => name === 'd' });
    await expect(storage.writeStream('c', stream())).rejects.toThrow('injected');
    expect(await text(storage, 'c')).toBe('012');
    expect(await storage.writeStream('d', Readable.from([utf8('01'), utf8('2')]))).toEqual({ sizeBytes: 3 });
    expect(await storage.stat('d')).toBeUndefined();
  });

  it('loses a write', async () => {
    const storage = await filled();
    storage.inject({ how: 'lost-write' });
    await storage.write('c', utf8('c'));
    expect(await storage.stat('c')).toBeUndefined();
  });

  it('truncates a read', async () => {
    const storage = await filled();
    storage.inject({ how: 'truncate-read' });
    expect(await text(storage, 'a')).toBe('0123');
  });

  it('flips one bit of a read and nothing in the storage', async () => {
    const storage = await filled();
    storage.inject({ how: 'flip-bit', bit: 8, times: 1 });
    expect(await text(storage, 'a')).toBe('00234567');
    expect(await text(storage, 'a')).toBe('01234567');
  });

  it('loses objects from a listing', async () => {
    const storage = await filled();
    storage.inject({ how: 'lose-from-listing', entry: (name) => name === 'a' });
    expect(await Array.fromAsync(storage.list(''), ({ name }) => name)).toEqual(['b']);
  });

  it('delays, and stops with the signal while it does', async () => {
    const storage = await filled();
    storage.inject({ how: 'delay', delayMs: 1e6 });
    await expect(storage.read('a', { signal: AbortSignal.timeout(1) })).rejects.toThrow('timeout');
  });
});
