import { parseId, type SnapshotId } from '../../src/base/ids.ts';
import type { BackupResult } from '../../src/vault/actions/backup-action.ts';

/** The result of a backup of one file. */
export function sampleBackup(change: Partial<BackupResult> = {}): BackupResult {
  return {
    form: 'snapshot',
    id: parseId<SnapshotId>('ab'.repeat(32)),
    name: 'uploads',
    time: new Date('2026-11-25T03:00:00Z'),
    tags: [],
    host: 'web1',
    paths: ['/srv/uploads'],
    bytes: 1000,
    storedBytes: 400,
    status: 'complete',
    problems: [],
    lostPacks: [],
    counts: {
      filesNew: 1,
      filesChanged: 0,
      filesUnmodified: 0,
      dirsNew: 1,
      dirsChanged: 0,
      dirsUnmodified: 0,
      totalFiles: 1,
      totalBytes: 1000,
      addedBytes: 1000,
      addedStoredBytes: 400,
      durationMs: 90_000,
    },
    ...change,
  };
}
