// A backup as the catalog has it. What an action records and what a sync reads go through the same functions, so that
// both come to the same row.
import type { CatalogBackup } from '../../catalog/catalog-backup.ts';
import { objectName } from '../../repository/layout.ts';
import type { SnapshotRecord } from '../../repository/snapshots.ts';
import type { ArchiveDetails } from '../reference/backup-details.ts';
import { backupRecord } from '../reference/backup-record.ts';
import type { ValueBackup } from '../values/value-backup.ts';

export function snapshotEntry(record: SnapshotRecord): CatalogBackup {
  return {
    ...sharedFields(backupRecord(record)),
    files: record.snapshot.summary?.totalFilesProcessed ?? null,
    // A snapshot is many objects, each with a hash and a way of compression of its own.
    sha256: null,
    encrypted: true,
    codec: null,
    object: objectName('snapshot', record.id),
  };
}

export function archiveEntry(archive: Omit<ArchiveDetails, 'problems'>): CatalogBackup {
  return {
    ...sharedFields(archive),
    files: archive.fileCount,
    sha256: archive.storedSha256,
    encrypted: archive.encryption !== 'none',
    codec: archive.codec,
    object: archive.object,
  };
}

/** Made from the name of the object alone: the catalog never reads a value. */
export function valueEntry({ compressed, encrypted, object, ...value }: ValueBackup): CatalogBackup {
  return { ...value, files: null, sha256: null, encrypted, codec: compressed ? 'gzip' : 'none', object };
}

type SharedFields = Pick<
  CatalogBackup,
  'form' | 'id' | 'name' | 'time' | 'host' | 'tags' | 'paths' | 'bytes' | 'storedBytes'
>;

/** Of a backup that has more fields than the catalog has columns. */
function sharedFields({ form, id, name, time, host, tags, paths, bytes, storedBytes }: SharedFields): SharedFields {
  return { form, id, name, time, host, tags, paths, bytes, storedBytes };
}
