import type { BackupRecord } from '../reference/backup-record.ts';

/** What there is of one name. */
export interface BackupInfo {
  readonly name: string;
  /** `null` where there is no backup of that name. */
  readonly latest: BackupRecord | null;
  readonly versions: number;
}

/** `backups` are those of that name, oldest first. */
export async function infoOf(name: string, backups: AsyncIterable<BackupRecord>): Promise<BackupInfo> {
  let latest: BackupRecord | null = null;
  let versions = 0;
  for await (const backup of backups) {
    latest = backup;
    versions++;
  }
  return { name, latest, versions };
}
