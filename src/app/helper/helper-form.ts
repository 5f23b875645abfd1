// What a helper makes of its directory.
import type { Job } from '../../base/job.ts';
import type { BackupOptions, BackupResult } from '../../vault/actions/backup-action.ts';
import type { BackupSource } from '../../vault/actions/backup-source.ts';
import type { ActionRequests, ActionResults } from '../../vault/vault-events.ts';
import type { Vault } from '../../vault/vault.ts';

/** `snapshot` shares its data with other backups; `archive` is one object that opens without Cairn. */
export type HelperForm = 'snapshot' | 'archive';

/** What `backup` of a helper gives. */
export interface HelperBackups {
  readonly snapshot: BackupResult;
  readonly archive: ActionResults['archive'];
}

/** What `backup` may still choose; the rest is fixed by the helper. */
export interface HelperBackupOptions {
  readonly snapshot: Omit<BackupOptions, 'name' | 'ahead' | 'parent'>;
  readonly archive: Omit<ActionRequests['archive'], 'name' | 'source'>;
}

/** What the helper fixes. */
export interface OwnOptions {
  readonly name: string;
  readonly tags: readonly string[];
  readonly signal: AbortSignal;
}

export type SaveBackup<F extends HelperForm> = (
  vault: Vault,
  source: BackupSource,
  options: HelperBackupOptions[F],
  own: OwnOptions,
) => Job<HelperBackups[F]>;

const savers: { readonly [F in HelperForm]: SaveBackup<F> } = {
  snapshot: (vault, source, options, own) => vault.backup(source, { ...options, ...own }),
  archive: (vault, source, options, own) => vault.archive(source, { ...options, ...own }),
};

export function saverOf<F extends HelperForm>(form: F): SaveBackup<F> {
  return savers[form];
}
