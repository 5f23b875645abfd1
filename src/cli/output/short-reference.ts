import type { BackupRecord } from '../../vault/reference/backup-record.ts';

/** What names a backup on the command line, as short as it may be: digits of an id, or the stored name of an archive. */
export function shortReference({ id, form }: Pick<BackupRecord, 'id' | 'form'>): string {
  return form === 'snapshot' ? id.slice(0, 8) : id;
}
