import { describe, expect, it } from 'vitest';
import { aSnapshot, makeSampleRepository, withOrigin } from '../../test/support/repository-fixture.ts';
import { parseGoTime } from '../formats/go-time.ts';
import { faulty } from '../storage/layers/faulty.ts';
import { StorageLayer } from '../storage/layers/storage-layer.ts';
import type { StorageFeatures } from '../storage/storage.ts';
import { objectName } from './layout.ts';
import { removeSnapshots } from './remove-snapshots.ts';
import type { Repository } from './repository.ts';
import { listSnapshots, saveSnapshot } from './snapshots.ts';

/** A storage that removes three objects in one request. */
class BatchingStorage extends StorageLayer {
  override get features(): StorageFeatures {
    return { ...this.inner.features, removeBatch: 3 };
  }
}

async function fiveSnapshots(): Promise<Repository> {
  const { repository, tree } = await makeSampleRepository();
  for (const day of [1, 2, 3, 4]) {
    await saveSnapshot(repository, aSnapshot(tree, { time: parseGoTime(`2024-01-0${day}T00:00:00Z`) }));
  }
  return repository;
}

const idsOf = async (repository: Repository) => (await listSnapshots(repository)).map(({ id }) => id);

describe.each([
  ['one by one', (repository: Repository) => repository.origin],
  ['in batches', (repository: Repository) => new BatchingStorage(repository.origin)],
] as const)('snapshots that are removed %s', (_, storageOf) => {
  it('are gone, and no others', async () => {
    const base = await fiveSnapshots();
    const [first, ...others] = await idsOf(base);
    const repository = withOrigin(base, storageOf(base));
    const { removed, failed } = await removeSnapshots(repository, others);
    expect([removed.toSorted(), failed]).toEqual([others.toSorted(), []]);
    expect(await idsOf(base)).toEqual([first]);
  });

  it('leave the one that cannot be removed, and say which', async () => {
    const base = await fiveSnapshots();
    const all = await idsOf(base);
    const stubborn = objectName('snapshot', all[1]!);
    const broken = faulty(storageOf(base), { how: 'fail', when: ({ name }) => name.includes(stubborn) });
    const { removed, failed } = await removeSnapshots(withOrigin(base, broken), all);
    expect(failed.map(({ id }) => id)).toEqual([all[1]]);
    expect(removed).toHaveLength(4);
    expect(await idsOf(base)).toEqual([all[1]]);
  });
});
