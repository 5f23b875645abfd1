// Copies between two vaults, and what became of each backup.
import type { Repository } from '../../src/repository/repository.ts';
import { type BackupCopy, copyBackups, type CopyOptions, type CopyResult } from '../../src/vault/care/copy-backups.ts';
import { contextOf } from './fault-sweep.ts';

export function copy(source: Repository, target: Repository, options: CopyOptions = {}): Promise<CopyResult> {
  return copyBackups(contextOf(source), contextOf(target), options);
}

export function outcomesOf({ copies }: CopyResult): BackupCopy['outcome'][] {
  return copies.map(({ outcome }) => outcome);
}
