import { mapConcurrent } from '../../base/concurrency.ts';
import type { BackupForm, CatalogBackup } from '../../catalog/catalog-backup.ts';
import { type CatalogSyncResult, mergeVault } from '../../catalog/merge-vault.ts';
import type { ActionContext } from '../actions/backup-action.ts';
import { type CatalogShelf, shelvesOf } from './catalog-shelf.ts';
import type { VaultRecorder } from './vault-recorder.ts';

export interface SyncCatalogOptions {
  /**
   * `unknown`: backups that the catalog does not know, or that may have changed, are read, and what is gone is marked. `all`: every backup is read,
   * and rows are those of a catalog that was never there: none for what is gone or cannot be read.
   */
  readonly read: 'all' | 'unknown';
}

/** Brings the rows of a vault in step with the vault. Takes no lock: what changes meanwhile, the next sync sees. */
export async function syncCatalog(
  context: ActionContext,
  recorder: VaultRecorder,
  { read }: SyncCatalogOptions,
): Promise<CatalogSyncResult> {
  const writer = await recorder.writer();
  // Before everything is written anew, whatever is wrong with the file is found, and the file set aside.
  if (read === 'all') writer.withCatalog((catalog) => catalog.verify());
  const vault = recorder.vault.id;
  const since = writer.withCatalog((catalog) => catalog.now());
  const known = new Set<string>();
  if (read === 'unknown') {
    writer.withCatalog((catalog) =>
      catalog.transaction((changes) => {
        for (const { form, id, isDeleted } of changes.rowStates(vault)) if (!isDeleted) known.add(keyOf(form, id));
      }),
    );
  }
  const shelves = shelvesOf(context);
  const listed = new Set<string>();
  const backups: CatalogBackup[] = [];
  for (const shelf of shelves) await readShelf(context, shelf, { listed, known, backups });
  if (read === 'all') keepOnly(listed, backups);
  // Rows that the run itself recorded meanwhile come first: a merge must not take them for news.
  await recorder.flush();
  return writer.withCatalog((catalog) =>
    catalog.transaction((changes) => {
      changes.putVault(recorder.vault);
      const forms = shelves.map(({ form }) => form);
      const result = mergeVault(changes, {
        vault,
        since,
        forms,
        isListed: (form, id) => listed.has(keyOf(form, id)),
        backups,
      });
      if (read === 'all') changes.dropDeleted(vault);
      return result;
    }),
  );
}

interface Reading {
  readonly listed: Set<string>;
  readonly known: ReadonlySet<string>;
  readonly backups: CatalogBackup[];
}

async function readShelf(
  { repository, signal, report }: ActionContext,
  shelf: CatalogShelf,
  { listed, known, backups }: Reading,
): Promise<void> {
  const unknown: string[] = [];
  for await (const id of shelf.listIds(signal)) {
    listed.add(keyOf(shelf.form, id));
    if (!shelf.isFixed || !known.has(keyOf(shelf.form, id))) unknown.push(id);
  }
  const limit = Math.max(2, repository.storage.features.connections);
  let completed = 0;
  const progress = (): void =>
    report({ phase: 'read', completed, total: unknown.length, unit: 'steps', description: shelf.form, errors: 0 });
  progress();
  await mapConcurrent(unknown, { limit, signal }, async (id) => {
    const backup = await shelf.load(id, signal);
    if (backup !== undefined) backups.push(backup);
    completed++;
    progress();
  });
}

/** What cannot be read has no row in a catalog that is made anew. */
function keepOnly(listed: Set<string>, backups: readonly CatalogBackup[]): void {
  listed.clear();
  for (const { form, id } of backups) listed.add(keyOf(form, id));
}

function keyOf(form: BackupForm, id: string): string {
  return `${form} ${id}`;
}
