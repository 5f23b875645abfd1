import type { SnapshotId } from '../../base/ids.ts';
import { removeSnapshots } from '../../repository/remove-snapshots.ts';
import type { ActionContext } from '../actions/backup-action.ts';
import type { BackupShelf } from './backup-shelf.ts';

export function snapshotShelf({ repository, signal }: Pick<ActionContext, 'repository' | 'signal'>): BackupShelf {
  return {
    listIds: async () => {
      const ids = new Set<SnapshotId>();
      for await (const { id } of repository.listIds('snapshot', { signal })) ids.add(id);
      return ids;
    },
    remove: (backups, onRemoved) =>
      removeSnapshots(
        repository,
        backups.map(({ id }) => id),
        { signal, onRemoved },
      ),
  };
}
