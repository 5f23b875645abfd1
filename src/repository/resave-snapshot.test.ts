import { describe, expect, it } from 'vitest';
import { makeRepository } from '../../test/support/repository-fixture.ts';
import { utf8 } from '../base/bytes.ts';
import type { SnapshotId } from '../base/ids.ts';
import { resaveSnapshot } from './resave-snapshot.ts';
import type { Repository } from './repository.ts';
import { listSnapshots, loadSnapshot } from './snapshots.ts';

const tree = 'ab'.repeat(32);
const original = 'cd'.repeat(32);

/** A snapshot document as another program may have stored it. */
function save(repository: Repository, fields: object): Promise<SnapshotId> {
  const json = { time: '2024-01-02T03:04:05Z', tree, paths: ['/home'], hostname: 'web', original, ...fields };
  return repository.saveUnpacked('snapshot', utf8(JSON.stringify(json)));
}

async function retag(repository: Repository, id: SnapshotId, tags: readonly string[]): Promise<SnapshotId> {
  const known = await listSnapshots(repository);
  return resaveSnapshot(repository, await loadSnapshot(repository, id), { tags: [...tags] }, { known });
}

const idsIn = async (repository: Repository): Promise<string[]> =>
  (await listSnapshots(repository)).map(({ id }) => id);

describe('a changed version of a snapshot', () => {
  it('that an interrupted run stored already is not stored again', async () => {
    const { repository } = await makeRepository();
    const old = await save(repository, { tags: ['a'] });
    const stored = await save(repository, { tags: ['b'] });
    expect(await retag(repository, old, ['b'])).toBe(stored);
    expect(await idsIn(repository)).toEqual([stored]);
  });

  it.each([
    ['excludes', { excludes: ['*.tmp'] }],
    ['a field of another program', { label: 'rustic' }],
    ['a user', { username: 'ann' }],
  ])('is not taken for another snapshot that differs in %s', async (_, fields) => {
    const { repository } = await makeRepository();
    const old = await save(repository, { ...fields, tags: ['a'] });
    const other = await save(repository, { tags: ['b'] });
    const id = await retag(repository, old, ['b']);
    expect((await idsIn(repository)).toSorted()).toEqual([id, other].toSorted());
  });
});
