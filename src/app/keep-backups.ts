import { CairnError } from '../base/errors.ts';
import type { RotationConfig } from '../config/rotation-config.ts';
import type { Vault } from '../vault/vault.ts';

/** What became of the rules of keeping after a backup. */
export type KeepResult =
  | { readonly outcome: 'applied'; readonly removed: number; readonly failed: number }
  | { readonly outcome: 'failed'; readonly error: unknown };

/** The part of a vault that keeps by name. */
interface Rotates {
  rotate(
    filter: { readonly name: string },
    rules: RotationConfig,
    options: { readonly signal: AbortSignal },
  ): PromiseLike<{ readonly removed: readonly unknown[]; readonly failed: readonly unknown[] }>;
}

/** Removes the backups of `name` that no rule keeps. A failure is in the result: the backup before it is saved. */
export async function keepBackups(
  vault: Vault,
  name: string,
  rules: RotationConfig,
  signal: AbortSignal,
): Promise<KeepResult> {
  try {
    if (!rotates(vault))
      throw new CairnError('NOT_SUPPORTED', 'this version cannot rotate backups, so `keep` removed none');
    const { removed, failed } = await vault.rotate({ name }, rules, { signal });
    return { outcome: 'applied', removed: removed.length, failed: failed.length };
  } catch (error) {
    signal.throwIfAborted();
    return { outcome: 'failed', error };
  }
}

function rotates(vault: object): vault is Rotates {
  return 'rotate' in vault && typeof vault.rotate === 'function';
}
