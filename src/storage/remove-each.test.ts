import { describe, expect, it } from 'vitest';
import { CairnError } from '../base/errors.ts';
import { removeEach, removeInBatches } from './remove-each.ts';
import type { StorageFeatures } from './storage.ts';

function features(removeBatch: number): StorageFeatures {
  return { atomicWrite: true, remote: true, connections: 2, localPath: undefined, removeBatch };
}

describe('removeEach', () => {
  it('removes as many at once as there are connections', async () => {
    let running = 0;
    let most = 0;
    const remove = async (): Promise<void> => {
      most = Math.max(most, ++running);
      await new Promise(setImmediate);
      running--;
    };
    await removeEach({ features: features(1), remove }, ['a', 'b', 'c', 'd', 'e']);
    expect(most).toBe(2);
  });

  it('throws the error of the object that could not be removed', async () => {
    const failure = new CairnError('STORAGE_IO', 'cannot remove b');
    const remove = async (name: string): Promise<void> => {
      if (name === 'b') throw failure;
    };
    await expect(removeEach({ features: features(1), remove }, ['a', 'b', 'c'])).rejects.toBe(failure);
  });
});

describe('removeInBatches', () => {
  it('asks for as many at once as one request takes', async () => {
    const batches: (readonly string[])[] = [];
    const layer = { features: features(2), remove: () => expect.fail('it has batches') };
    await removeInBatches(layer, ['a', 'b', 'c'], {}, async (batch) => void batches.push(batch));
    expect(batches).toEqual([['a', 'b'], ['c']]);
  });

  it('removes one by one where the storage has no batches', async () => {
    const removed: string[] = [];
    const remove = async (name: string): Promise<void> => void removed.push(name);
    await removeInBatches({ features: features(1), remove }, ['a', 'b'], {}, () => expect.fail('it has none'));
    expect(removed).toEqual(['a', 'b']);
  });
});
