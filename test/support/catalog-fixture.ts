// Catalogs in temporary files, and backups to put into them.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Catalog } from '../../src/catalog/catalog.ts';
import type { CatalogBackup } from '../../src/catalog/catalog-backup.ts';

export const VAULT: string = 'a'.repeat(64);

/** A folder for catalogs, removed when disposed. */
export class CatalogFolder implements Disposable {
  readonly path: string = mkdtempSync(join(tmpdir(), 'cairn-catalog-'));

  get file(): string {
    return join(this.path, 'data', 'catalog.sqlite');
  }

  open(now?: () => Date): Catalog {
    return Catalog.open(this.file, { now });
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

export function backupOf(id: string, changes: Partial<CatalogBackup> = {}): CatalogBackup {
  return {
    form: 'snapshot',
    id,
    name: 'documents',
    time: new Date('2026-11-19T12:00:00.000Z'),
    host: 'web',
    tags: ['nightly'],
    paths: ['/srv/documents'],
    bytes: 1000,
    storedBytes: 400,
    files: 3,
    sha256: null,
    encrypted: true,
    codec: null,
    object: `snapshots/${id}`,
    ...changes,
  };
}

/** Puts backups into the catalog, as a run of the vault would. */
export function putBackups(catalog: Catalog, backups: readonly CatalogBackup[], session?: string): void {
  catalog.transaction((changes) => {
    changes.putVault({ id: VAULT, url: '/mnt/vault', kind: 'cairn' });
    for (const backup of backups) changes.putBackup(backup, { vault: VAULT, at: changes.now(), session });
  });
}
