import type { ActionContext } from '../actions/backup-action.ts';
import type { BackupSource } from '../actions/backup-source.ts';
import { archiveEntry } from '../catalog/catalog-entry.ts';
import { type ArchiveOptions, type ArchiveResult, runArchive } from './archive-action.ts';

/** An archive made by somebody who has the whole vault open: with its password, and a row in the catalog. */
export async function archiveToVault(
  { repository, settings, signal, report }: ActionContext,
  source: BackupSource,
  options: ArchiveOptions,
): Promise<ArchiveResult> {
  const context = { ...settings, storage: repository.origin, password: settings.password, signal, report };
  const result = await runArchive(context, source, options);
  settings.catalog?.recordBackup(archiveEntry(result));
  return result;
}
