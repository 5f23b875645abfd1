import { type BackupDetails, archiveDetails, backupDetails } from '../reference/backup-details.ts';
import { type BackupFilter, matcherOf } from '../reference/backup-filter.ts';
import { archiveRecord, type BackupRecord, backupRecord } from '../reference/backup-record.ts';
import { archiveMatcher, chooseArchive, readArchives } from '../reference/choose-backup.ts';
import { chooseValue } from '../reference/choose-value.ts';
import { chooseSnapshot, type ReferenceOptions } from '../reference/choose-snapshot.ts';
import { listValueBackups, valueBackup } from '../values/value-backup.ts';
import { valuesContext } from '../values/values-context.ts';
import { loadSnapshots } from '../vault-session.ts';
import type { LookContext } from './look-inside.ts';

/** The backups that match, of every form, oldest first. */
export async function listBackups(context: LookContext, filter: BackupFilter): Promise<BackupRecord[]> {
  const { repository, settings, signal } = context;
  const matches = matcherOf(filter);
  const isMatch = archiveMatcher(filter);
  const snapshots = await loadSnapshots(repository, settings, signal);
  const archives = await readArchives(context, filter.name);
  const values = await listValueBackups(valuesContext(repository, settings), filter, { signal });
  return [
    ...snapshots.filter(matches).map(backupRecord),
    ...archives.filter(isMatch).map(archiveRecord),
    ...values,
  ].sort((a, b) => a.time.getTime() - b.time.getTime());
}

/** Everything that is recorded about one backup. Throws `REF_UNKNOWN` or `REF_AMBIGUOUS`. */
export async function getBackup(
  context: LookContext,
  reference: string,
  options: ReferenceOptions,
): Promise<BackupDetails> {
  const value = await chooseValue(context, reference, options);
  if (value !== undefined) return valueBackup(value.version);
  const archive = await chooseArchive(context, reference, options);
  if (archive !== undefined) return archiveDetails(archive);
  const { repository, settings, signal } = context;
  return backupDetails(chooseSnapshot(await loadSnapshots(repository, settings, signal), reference, options));
}
