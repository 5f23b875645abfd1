import type { BackupRecord } from '../reference/backup-record.ts';

/** A summary of the backups of one name. */
export interface BackupInfo {
  readonly name: string;
  /** `null` where there is no backup of that name. */
  readonly latest: BackupRecord | null;
  readonly versions: number;
}

/** `backups` are those of that name, oldest first; of a value the newest version only, the others are in its history. */
export async function infoOf(
  name: string,
  backups: AsyncIterable<BackupRecord>,
  valueVersions: () => Promise<number>,
): Promise<BackupInfo> {
  let latest: BackupRecord | null = null;
  let versions = 0;
  for await (const backup of backups) {
    latest = backup;
    versions += backup.form === 'value' ? await valueVersions() : 1;
  }
  return { name, latest, versions };
}
