import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { utf8 } from '../../base/bytes.ts';
import { openMemoryStorage } from '../drivers/memory.ts';
import type { Storage } from '../storage.ts';
import { appendOnly } from './append-only.ts';

const refusal = { code: 'STORAGE_APPEND_ONLY' };

async function setUp(): Promise<{ storage: Storage; inner: Storage }> {
  const inner = openMemoryStorage();
  await inner.write('index/a', utf8('a'));
  await inner.write('locks/l', utf8('l'));
  return { inner, storage: appendOnly(inner, { mayChange: (name) => name.startsWith('locks/') }) };
}

async function text(storage: Storage, name: string): Promise<string> {
  return Buffer.from(await storage.read(name)).toString();
}

describe('appendOnly', () => {
  it('adds and reads', async () => {
    const { storage } = await setUp();
    await storage.write('index/b', utf8('b'));
    expect(await text(storage, 'index/b')).toBe('b');
  });

  it('replaces nothing', async () => {
    const { storage, inner } = await setUp();
    await expect(storage.write('index/a', utf8('other'))).rejects.toMatchObject(refusal);
    expect(await text(inner, 'index/a')).toBe('a');
  });

  it('adds streams and replaces nothing with them', async () => {
    const { storage, inner } = await setUp();
    await storage.writeStream('archives/b', Readable.from([utf8('b')]));
    expect(await text(storage, 'archives/b')).toBe('b');
    await expect(storage.writeStream('index/a', Readable.from([utf8('other')]))).rejects.toMatchObject(refusal);
    expect(await text(inner, 'index/a')).toBe('a');
    await storage.writeStream('locks/l', Readable.from([utf8('m')]));
    expect(await text(inner, 'locks/l')).toBe('m');
  });

  it('says that an object is there to those who asked for that', async () => {
    const { storage } = await setUp();
    await expect(storage.write('index/a', utf8('x'), { ifAbsent: true })).rejects.toMatchObject({
      code: 'OBJECT_EXISTS',
    });
  });

  it('removes nothing', async () => {
    const { storage, inner } = await setUp();
    await expect(storage.remove('index/a')).rejects.toMatchObject(refusal);
    await expect(storage.removeMany(['locks/l', 'index/a'])).rejects.toMatchObject(refusal);
    expect(await text(inner, 'locks/l')).toBe('l');
  });

  it('lets locks be replaced and removed', async () => {
    const { storage, inner } = await setUp();
    await storage.write('locks/l', utf8('m'));
    await storage.removeMany(['locks/l']);
    expect(await inner.stat('locks/l')).toBeUndefined();
  });
});
