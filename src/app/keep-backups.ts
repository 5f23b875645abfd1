import type { RotationConfig } from '../config/rotation-config.ts';
import type { Vault } from '../vault/vault.ts';

/** What became of the rules of keeping after a backup. */
export type KeepResult =
  | { readonly outcome: 'applied'; readonly removed: number; readonly failed: number }
  | { readonly outcome: 'failed'; readonly error: unknown };

/** Rotates the backups of `name`. A failure is in the result: the backup before it is saved. */
export async function keepBackups(
  vault: Vault,
  name: string,
  rules: RotationConfig,
  signal: AbortSignal,
): Promise<KeepResult> {
  try {
    const { removed, failed } = await vault.rotate({ name }, rules, { signal });
    return { outcome: 'applied', removed: removed.length, failed: failed.length };
  } catch (error) {
    signal.throwIfAborted();
    return { outcome: 'failed', error };
  }
}
