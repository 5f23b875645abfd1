import { expect, it } from 'vitest';
import { contextOf } from '../../../test/support/fault-sweep.ts';
import { makeRepository, withOrigin } from '../../../test/support/repository-fixture.ts';
import { faulty } from '../../storage/layers/faulty.ts';
import { migrateVault } from './migrate-vault.ts';

it('asks the storage nothing where there is nothing to migrate, so that it needs no lock', async () => {
  const { storage, repository } = await makeRepository({ version: 2 });
  const watched = faulty(storage);
  const result = await migrateVault(contextOf(withOrigin(repository, watched)), {});
  expect(result).toEqual({ from: 2, to: 2, isChanged: false });
  expect(watched.operations).toEqual([]);
});
