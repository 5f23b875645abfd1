import type { RotationConfig } from '../config/rotation-config.ts';
import type { BackupResult } from '../vault/actions/backup-action.ts';
import type { Vault } from '../vault/vault.ts';

/** The outcome of applying a plan's retention after a backup. */
export type KeepResult =
  | { readonly outcome: 'applied'; readonly removed: number; readonly failed: number }
  | { readonly outcome: 'failed'; readonly error: unknown };

/**
 * Rotates the snapshots of the name and host of `made`, which is what a plan makes: another machine has rules of its own
 * for its backups of that name, and archives are made to be kept. A failure is in the result: the backup is saved.
 */
export async function keepBackups(
  vault: Vault,
  { name, host }: Pick<BackupResult, 'name' | 'host'>,
  rules: RotationConfig,
  signal: AbortSignal,
): Promise<KeepResult> {
  try {
    const plan = await vault.planRotation({ name, host }, rules, { signal });
    const groups = plan.groups.filter(({ key }) => key.form === 'snapshot');
    const { removed, failed } = await vault.rotate({ ...plan, groups }, { signal });
    return { outcome: 'applied', removed: removed.length, failed: failed.length };
  } catch (error) {
    signal.throwIfAborted();
    return { outcome: 'failed', error };
  }
}
