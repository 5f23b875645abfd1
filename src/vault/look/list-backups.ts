import { type BackupDetails, archiveDetails, backupDetails } from '../reference/backup-details.ts';
import { type BackupFilter, matcherOf } from '../reference/backup-filter.ts';
import { archiveRecord, type BackupRecord, backupRecord } from '../reference/backup-record.ts';
import { archiveMatcher, chooseArchive, readArchives } from '../reference/choose-backup.ts';
import { chooseSnapshot, type ReferenceOptions } from '../reference/choose-snapshot.ts';
import { loadSnapshots } from '../vault-session.ts';
import type { LookContext } from './look-inside.ts';

/** The backups that match, of every form, oldest first. */
export async function listBackups(context: LookContext, filter: BackupFilter): Promise<BackupRecord[]> {
  const { repository, settings, signal } = context;
  const matches = matcherOf(filter);
  const isMatch = archiveMatcher(filter);
  const snapshots = await loadSnapshots(repository, settings, signal);
  const archives = await readArchives(context, filter.name);
  return [...snapshots.filter(matches).map(backupRecord), ...archives.filter(isMatch).map(archiveRecord)].sort(
    (a, b) => a.time.getTime() - b.time.getTime(),
  );
}

/** Everything that is recorded about one backup. Throws `REF_UNKNOWN` or `REF_AMBIGUOUS`. */
export async function getBackup(
  context: LookContext,
  reference: string,
  options: ReferenceOptions,
): Promise<BackupDetails> {
  const archive = await chooseArchive(context, reference, options);
  if (archive !== undefined) return archiveDetails(archive);
  const { repository, settings, signal } = context;
  return backupDetails(chooseSnapshot(await loadSnapshots(repository, settings, signal), reference, options));
}
