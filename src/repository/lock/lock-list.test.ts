import { describe, expect, it } from 'vitest';
import { makeRepository, withOrigin } from '../../../test/support/repository-fixture.ts';
import { utf8 } from '../../base/bytes.ts';
import { faulty } from '../../storage/layers/faulty.ts';
import { missing } from '../../storage/object-range.ts';
import { objectName } from '../layout.ts';
import { listLocks } from './lock-list.ts';

describe('a list of locks', () => {
  it('has one that is listed and said not to be there as unreadable, never as released', async () => {
    const { storage, repository } = await makeRepository();
    const id = await repository.saveUnpacked('lock', utf8('{}'));
    const name = objectName('lock', id);
    const hiding = faulty(storage, { how: 'fail', error: missing(name), when: ({ kind }) => kind === 'read' });
    const { locks, unreadable } = await listLocks(withOrigin(repository, hiding));
    expect({ locks, unreadable: unreadable.map((lock) => lock.id) }).toEqual({ locks: [], unreadable: [id] });
  });
});
