import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { utf8 } from '../../base/bytes.ts';
import { openMemoryStorage } from '../drivers/memory.ts';
import { readOnly } from './read-only.ts';

describe('readOnly', () => {
  it('reads', async () => {
    const inner = openMemoryStorage();
    await inner.write('keys/k', utf8('key'));
    const storage = readOnly(inner);
    expect(await storage.read('keys/k', { offset: 1, length: 1 })).toEqual(new Uint8Array(utf8('e')));
    expect(await storage.stat('keys/k')).toEqual({ name: 'keys/k', sizeBytes: 3 });
    expect(await Array.fromAsync(storage.list('keys/'))).toHaveLength(1);
  });

  it('changes nothing', async () => {
    const inner = openMemoryStorage();
    await inner.write('config', utf8('c'));
    const storage = readOnly(inner);
    const refusal = { code: 'STORAGE_READ_ONLY' };
    await expect(storage.create()).rejects.toMatchObject(refusal);
    await expect(storage.write('config', utf8('d'))).rejects.toMatchObject(refusal);
    await expect(storage.writeStream('config', Readable.from([utf8('d')]))).rejects.toMatchObject(refusal);
    await expect(storage.remove('config')).rejects.toMatchObject(refusal);
    await expect(storage.removeMany(['config'])).rejects.toMatchObject(refusal);
    expect(Buffer.from(await inner.read('config')).toString()).toBe('c');
  });
});
