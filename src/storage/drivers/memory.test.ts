import { describe, expect, it } from 'vitest';
import { utf8 } from '../../base/bytes.ts';
import { openMemoryStorage } from './memory.ts';

describe('a memory storage', () => {
  it('shares nothing with another one', async () => {
    const one = openMemoryStorage();
    await one.write('config', utf8('c'));
    expect(await openMemoryStorage().stat('config')).toBeUndefined();
  });

  it('ends a listing whose reader writes what it lists', async () => {
    const storage = openMemoryStorage();
    await storage.write('a', utf8('1'));
    for await (const { name } of storage.list('')) await storage.write(`${name}a`, utf8('1'));
    expect(await Array.fromAsync(storage.list(''), ({ name }) => name)).toEqual(['a', 'aa']);
  });
});
