import { settleValues } from '../../values/delete-value.ts';
import { loadShelf } from '../../values/value-shelf.ts';
import { versionId } from '../../values/value-version.ts';
import { removeValueBackups } from '../values/remove-values.ts';
import { valuesContext } from '../values/values-context.ts';
import type { BackupShelf, ShelfContext } from './backup-shelf.ts';

/** The values of a vault, as far as removing them goes. Nothing else depends on them, so no lock is needed. */
export function valueShelf({ repository, settings, signal }: ShelfContext): BackupShelf {
  const context = valuesContext(repository, settings);
  return {
    settle: () => settleValues(context, { signal }),
    listIds: async () => {
      const { keys } = await loadShelf(context, { signal });
      return new Set(keys.flatMap(({ versions }) => versions.map(versionId)));
    },
    remove: (backups, onRemoved) => {
      const values = backups.filter((backup) => backup.form === 'value');
      return removeValueBackups(context, values, { signal, onRemoved });
    },
  };
}
