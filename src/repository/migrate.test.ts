import { describe, expect, it } from 'vitest';
import { makeSampleRepository, withOrigin } from '../../test/support/repository-fixture.ts';
import { faulty } from '../storage/layers/faulty.ts';
import { StorageLayer } from '../storage/layers/storage-layer.ts';
import type { StorageFeatures } from '../storage/storage.ts';
import { migrateToVersion2 } from './migrate.ts';

class ReplacesNothing extends StorageLayer {
  override get features(): StorageFeatures {
    return { ...this.inner.features, atomicWrite: false };
  }
}

describe('a migration', () => {
  it('puts the config back whose removal took place and was not answered', async () => {
    const { storage, repository } = await makeSampleRepository({ version: 1 });
    const old = await storage.read('config');
    const silent = faulty(storage, { how: 'fail-after', when: ({ kind }) => kind === 'remove' });
    await expect(migrateToVersion2(withOrigin(repository, new ReplacesNothing(silent)))).rejects.toMatchObject({
      code: 'STORAGE_IO',
    });
    expect(await storage.read('config')).toEqual(old);
  });
});
