import { beforeEach, describe, expect, it } from 'vitest';
import { makeSampleRepository, withOrigin } from '../../test/support/repository-fixture.ts';
import { faulty, type FaultyStorage } from '../storage/layers/faulty.ts';
import { loadIndex } from './index/load-index.ts';
import { readInOrder } from './read-in-order.ts';
import type { Repository } from './repository.ts';
import { listSnapshots } from './snapshots.ts';

let storage: FaultyStorage;
let repository: Repository;
beforeEach(async () => {
  const made = await makeSampleRepository();
  storage = faulty(made.storage);
  repository = withOrigin(made.repository, storage);
});

const loads: Parameters<typeof readInOrder<unknown, unknown>>[1] = {
  snapshots: (listed) => listSnapshots(repository, listed),
  index: (listed) => loadIndex(repository, listed),
};

describe('snapshots, index and packs', () => {
  it('are listed in this order', async () => {
    const { packs } = await readInOrder(repository, loads, undefined);
    expect(await Array.fromAsync(packs)).toHaveLength(2);
    const lists = storage.operations.filter(({ kind }) => kind === 'list').map(({ name }) => name);
    expect(lists).toEqual(['snapshots/', 'index/', 'data/']);
  });

  it('are not listed before the listing of the one before has ended', async () => {
    const order: string[] = [];
    storage.list = async function* (prefix) {
      order.push(`begin ${prefix}`);
      yield* [];
      await Promise.resolve();
      order.push(`end ${prefix}`);
    };
    await readInOrder(repository, loads, undefined);
    expect(order).toEqual(['snapshots/', 'index/', 'data/'].flatMap((folder) => [`begin ${folder}`, `end ${folder}`]));
  });

  it('are listed while files of the one before are read', async () => {
    const listed = Promise.withResolvers<void>();
    const waiting = readInOrder(
      repository,
      {
        ...loads,
        snapshots: async ({ onListed }) => {
          onListed();
          await listed.promise;
        },
        index: async ({ onListed }) => {
          onListed();
          listed.resolve();
        },
      },
      undefined,
    );
    await expect(waiting).resolves.toBeDefined();
  });

  it('are all ended by the first failure, which is thrown', async () => {
    let reason: unknown;
    const waiting = readInOrder(
      repository,
      {
        snapshots: async ({ onListed, signal }) => {
          onListed();
          await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
          reason = signal.reason;
        },
        index: () => Promise.reject(new Error('damaged')),
      },
      undefined,
    );
    await expect(waiting).rejects.toThrow('damaged');
    expect(reason).toMatchObject({ message: 'damaged' });
  });
});
