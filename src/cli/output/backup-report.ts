import type { BackupPreview, BackupResult } from '../../vault/actions/backup-action.ts';
import { formatBytes, formatCount, formatDuration, plural } from './format.ts';
import { printable } from './printable.ts';

/** What a backup found and where it is. */
export function describeBackup(result: BackupResult): string {
  const lines = [describeBackupCounts(result)];
  const name = printable(result.name);
  if (result.status === 'unchanged')
    lines.push(`nothing changed since backup ${result.id.slice(0, 8)} of ${name}; none was saved`);
  else
    lines.push(
      `backup ${result.id.slice(0, 8)} of ${name} saved${result.status === 'partial' ? ', but it is not whole' : ''}`,
    );
  return `${lines.join('\n')}\n`;
}

/** What a run found, saved or not. */
export function describeBackupCounts({ counts }: BackupPreview | BackupResult): string {
  const files = `files: ${formatCount(counts.filesNew)} new, ${formatCount(counts.filesChanged)} changed, ${formatCount(counts.filesUnmodified)} unchanged`;
  const dirs = `dirs:  ${formatCount(counts.dirsNew)} new, ${formatCount(counts.dirsChanged)} changed, ${formatCount(counts.dirsUnmodified)} unchanged`;
  const added = `added: ${formatBytes(counts.addedBytes)}, stored as ${formatBytes(counts.addedStoredBytes)}`;
  const total = `total: ${plural(counts.totalFiles, 'file')}, ${formatBytes(counts.totalBytes)} in ${formatDuration(counts.durationMs)}`;
  return [files, dirs, added, total].join('\n');
}
