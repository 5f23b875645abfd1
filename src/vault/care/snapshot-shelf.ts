import type { SnapshotId } from '../../base/ids.ts';
import { removeSnapshots } from '../../repository/remove-snapshots.ts';
import type { BackupShelf, ShelfContext } from './backup-shelf.ts';

export function snapshotShelf({ repository, signal }: ShelfContext): BackupShelf {
  return {
    listIds: async () => {
      const ids = new Set<SnapshotId>();
      for await (const { id } of repository.listIds('snapshot', { signal })) ids.add(id);
      return ids;
    },
    remove: (backups, onRemoved) =>
      removeSnapshots(
        repository,
        backups.flatMap(({ form, id }) => (form === 'snapshot' ? [id] : [])),
        { signal, onRemoved },
      ),
  };
}
