import { describe, expect, it } from 'vitest';
import { LruCache } from './lru-cache.ts';

describe('LruCache', () => {
  it('drops the value that was unused for longest', () => {
    const cache = new LruCache<string, string>(8, (text) => text.length);
    for (const key of ['a', 'b', 'c', 'd']) cache.set(key, key + key);
    cache.get('a');
    cache.set('e', 'ee');
    expect(['a', 'b', 'c', 'd', 'e'].filter((key) => cache.get(key) !== undefined)).toEqual(['a', 'c', 'd', 'e']);
  });

  it('does not keep a value of more than a quarter of its size', () => {
    const cache = new LruCache<string, string>(8, (text) => text.length);
    cache.set('big', 'bigger');
    expect(cache.get('big')).toBeUndefined();
  });
});
